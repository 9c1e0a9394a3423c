/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Everything the agent configures or reads. Rodata is fixed between open and load;
 * .bss is mapped into the agent and changes at run time without a system call.
 */
#ifndef SHADOWTAP_MAPS_BPF_H
#define SHADOWTAP_MAPS_BPF_H

#define SHADOWTAP_STRANGERS 65536

const volatile __u64 shadowtap_secret = 0;
const volatile __u32 shadowtap_shards = 1;
const volatile __u32 shadowtap_mark = 0;
/* Flows below this of 65536 are captured. */
const volatile __u32 shadowtap_sample = 65536;
/* Of a ring, and of each of its segments, as logarithm; powers of two. */
const volatile __u64 shadowtap_ring_bytes = 1;
const volatile __u32 shadowtap_segment_bits = 0;
/* Ring bytes above which a new flow is refused, and below which shedding ends. */
const volatile __u64 shadowtap_high_mark = ~0ULL;
const volatile __u64 shadowtap_low_mark = ~0ULL;

volatile __u32 shadowtap_enabled;
/* Whether any verdict was ever written: looking one up is a cache line of 2 MiB, cold for
 * nearly every packet. */
volatile __u32 shadowtap_has_verdicts;
__u64 shadowtap_ports[SHADOWTAP_PORT_WORDS];
__u8 shadowtap_service_of_port[65536];
struct shadowtap_shard shadowtap_shard_words[SHADOWTAP_MAX_SHARDS] __attribute__((aligned(64)));

/* One ring a shard; the agent creates and maps them. An element is a segment and the room
 * behind it; the agent sets its size. */
struct shadowtap_ring {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, SHADOWTAP_MAX_SEGMENT + SHADOWTAP_BEHIND_SEGMENT);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SHADOWTAP_MAX_SHARDS);
	__type(key, __u32);
	__array(values, struct shadowtap_ring);
} shadowtap_rings SEC(".maps");

/* What wakes a shard: the kernel's own ring, of which only the descriptor matters. */
struct shadowtap_waker {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, SHADOWTAP_MAX_SHARDS);
	__type(key, __u32);
	__array(values, struct shadowtap_waker);
} shadowtap_wakers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SHADOWTAP_MAX_SERVICES + 1);
	__type(key, __u32);
	__type(value, struct shadowtap_counts);
} shadowtap_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SHADOWTAP_VERDICTS);
	__type(key, __u32);
	__type(value, __u64);
} shadowtap_verdicts SEC(".maps");

/* By flow hash: 64 keyed bits name a flow for sure, and 36 bytes of key cost 20 ns more. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct shadowtap_flow);
} shadowtap_flows SEC(".maps");

/* Flows without a socket here, so that each is looked up a few times only: tag 28,
 * looks 4. Direct-mapped; a collision costs one more look-up. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHADOWTAP_STRANGERS);
	__type(key, __u32);
	__type(value, __u32);
} shadowtap_strangers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct shadowtap_interface);
} shadowtap_interfaces SEC(".maps");

struct shadowtap_target {
	__u32 address[4];
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct shadowtap_target);
	__type(value, __u8);
} shadowtap_targets SEC(".maps");

/* A plain increment: TC runs with bottom halves disabled, so that no other packet comes
 * between on this processor. */
static __always_inline void count(__u32 service, __u32 what)
{
	struct shadowtap_counts *counts = bpf_map_lookup_elem(&shadowtap_counts, &service);

	if (counts)
		counts->n[what & (SHADOWTAP_COUNTERS - 1)]++;
}

#endif
