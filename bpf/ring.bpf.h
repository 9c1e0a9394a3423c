/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From a packet to records in its shard's ring. Reserving needs sizes that the verifier
 * knows, hence size classes: each a power of two, so that masking bounds the copy.
 */
#ifndef SHADOWTAP_RING_BPF_H
#define SHADOWTAP_RING_BPF_H

/* 512 KiB, the largest BIG TCP packet. */
#define MAX_PIECES 9

enum emitted {
	EMITTED,
	EMIT_FULL,
	EMIT_TRUNCATED, /* some of a large packet's records */
	EMIT_UNREADABLE,
};

/* BPF has no barrier instruction, but an atomic operation whose result is used is fully
 * ordered. On our own stack, so that no cache line moves between processors. */
static __always_inline void full_barrier(void)
{
	volatile __u64 word = 0;
	__u64 before = __sync_fetch_and_add(&word, 1);

	barrier_var(before);
}

/*
 * Called between reserve and submit. Pairs with MappedRing::arm():
 *
 *	here				agent
 *	producer position moves		armed = 1
 *	full barrier			full barrier
 *	read armed			read the producer position
 *
 * At least one of the two sees what the other wrote: we wake the agent, or it does not
 * sleep. Clearing needs no atomic: until our record is submitted the agent cannot pass
 * it, hence not arm again.
 */
static __always_inline __u64 wake_flags(__u32 shard)
{
	volatile __u32 *armed = &shadowtap_shard_words[shard & (SHADOWTAP_MAX_SHARDS - 1)].armed;

	full_barrier();
	if (!*armed)
		return BPF_RB_NO_WAKEUP;
	*armed = 0;
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline void fill_record(struct shadowtap_record *record, const struct packet *p,
					__u64 now)
{
	record->time_ns = now;
	record->flow = p->flow;
	record->flow_hash = (__u32)p->hash;
	record->sequence = p->sequence;
	record->acknowledgment = p->acknowledgment;
	record->captured = p->length;
	record->flags = p->flags;
	record->direction = p->direction;
	record->service = p->service;
}

__noinline int emit_header(const struct packet *p, __u64 now)
{
	struct shadowtap_record *record;
	__u32 shard;
	void *ring;

	if (!p)
		return EMIT_UNREADABLE;
	shard = shadowtap_shard_of(p->hash, shadowtap_shards);
	ring = bpf_map_lookup_elem(&shadowtap_rings, &shard);
	if (!ring)
		return EMIT_FULL;
	record = bpf_ringbuf_reserve(ring, sizeof(*record), 0);
	if (!record)
		return EMIT_FULL;
	fill_record(record, p, now);
	bpf_ringbuf_submit(record, wake_flags(shard));
	return EMITTED;
}

/* `SIZE` is a power of two, and the length is in 1 … SIZE. A plain `if (length)` fails
 * with "R4 invalid zero-sized read": clang tests a copy of the register. */
#define EMIT_CLASS(SIZE)                                                                       \
	do {                                                                                   \
		record = bpf_ringbuf_reserve(ring, sizeof(*record) + (SIZE), 0);               \
		if (!record)                                                                   \
			return EMIT_FULL;                                                      \
		fill_record(record, p, now);                                                   \
		barrier_var(length);                                                           \
		length = ((length - 1) & ((SIZE)-1)) + 1;                                      \
		if (bpf_skb_load_bytes(skb, p->payload, record + 1, length)) {                 \
			bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);                         \
			return EMIT_UNREADABLE;                                                \
		}                                                                              \
		bpf_ringbuf_submit(record, wake_flags(shard));                                 \
		return EMITTED;                                                                \
	} while (0)

__noinline int emit_payload(struct __sk_buff *skb, const struct packet *p, __u64 now)
{
	struct shadowtap_record *record;
	__u32 shard, length;
	void *ring;

	if (!p)
		return EMIT_UNREADABLE;
	shard = shadowtap_shard_of(p->hash, shadowtap_shards);
	ring = bpf_map_lookup_elem(&shadowtap_rings, &shard);
	length = p->length;
	if (!ring)
		return EMIT_FULL;
	if (length <= 128)
		EMIT_CLASS(128);
	if (length <= 256)
		EMIT_CLASS(256);
	if (length <= 512)
		EMIT_CLASS(512);
	if (length <= 1024)
		EMIT_CLASS(1024);
	if (length <= 2048)
		EMIT_CLASS(2048);
	if (length <= 4096)
		EMIT_CLASS(4096);
	if (length <= 8192)
		EMIT_CLASS(8192);
	if (length <= 16384)
		EMIT_CLASS(16384);
	if (length <= 32768)
		EMIT_CLASS(32768);
	EMIT_CLASS(SHADOWTAP_MAX_PAYLOAD);
}

/* A packet above SHADOWTAP_MAX_PAYLOAD takes several records: SYN belongs to the first,
 * FIN to the last. */
static __noinline int emit_large(struct __sk_buff *skb, const struct packet *whole, __u64 now)
{
	struct packet piece = *whole;
	__u32 left = whole->length;

	for (int i = 0; i < MAX_PIECES && left; i++) {
		int result;

		piece.length = left < SHADOWTAP_MAX_PAYLOAD ? left : SHADOWTAP_MAX_PAYLOAD;
		piece.flags = whole->flags;
		if (i)
			piece.flags &= ~TCP_SYN;
		if (piece.length != left)
			piece.flags &= ~TCP_FIN;
		result = emit_payload(skb, &piece, now);
		if (result != EMITTED)
			return i ? EMIT_TRUNCATED : result;
		piece.payload += piece.length;
		piece.sequence += piece.length;
		left -= piece.length;
	}
	return left ? EMIT_TRUNCATED : EMITTED;
}

static __always_inline int emit(struct __sk_buff *skb, const struct packet *p, __u64 now)
{
	if (!p->length)
		return emit_header(p, now);
	if (p->length > SHADOWTAP_MAX_PAYLOAD)
		return emit_large(skb, p, now);
	return emit_payload(skb, p, now);
}

#endif
