/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the kernel side and the agent agree on: records, counters, the words that
 * both read, and the hash that names a flow. The only header both include.
 *
 * Needs fixed-width __u8 … __u64 from whoever includes it (vmlinux.h, linux/types.h).
 * Addresses are in network byte order, IPv4 as ::ffff:a.b.c.d; ports and sequence
 * numbers in host byte order.
 */
#ifndef SHADOWTAP_EVENT_H
#define SHADOWTAP_EVENT_H

#define SHADOWTAP_MAX_SERVICES 64
#define SHADOWTAP_MAX_SHARDS 64
#define SHADOWTAP_PORT_WORDS 1024 /* of 64 bits: one bit a port */
#define SHADOWTAP_HEARTBEAT_TIMEOUT_NS 5000000000LL
/* One record carries at most this much payload; a larger packet takes several. */
#define SHADOWTAP_MAX_PAYLOAD 65536
/* A ring is cut into segments of at most this size, each followed by room for the end of a
 * record that begins in its last bytes. Whole pages; 6.1 takes elements of up to 4 MiB. */
#define SHADOWTAP_MAX_SEGMENT (2 << 20)
#define SHADOWTAP_BEHIND_SEGMENT (SHADOWTAP_MAX_PAYLOAD + 4096)

enum shadowtap_direction {
	SHADOWTAP_TO_SERVER = 0,
	SHADOWTAP_TO_CLIENT = 1,
};

struct shadowtap_flow_key {
	__u32 client[4];
	__u32 server[4];
	__u16 client_port;
	__u16 server_port;
};

/* In a ring, at a multiple of 8, followed by `captured` bytes of payload. */
struct shadowtap_record {
	__u64 committed; /* last: position ^ secret, once all the rest is there */
	__u64 time_ns;	 /* CLOCK_MONOTONIC */
	struct shadowtap_flow_key flow;
	__u32 flow_hash; /* low half of shadowtap_flow_hash() */
	__u32 sequence;	 /* of the first payload byte; of the SYN if there is one */
	__u32 acknowledgment;
	__u32 captured;
	__u8 flags; /* of TCP */
	__u8 direction;
	__u8 service;
	__u8 unreadable; /* the payload could not be copied: pass it over */
};

/* Per CPU and per service; index SHADOWTAP_MAX_SERVICES: no service known.
 * matched = delivered + every lost. Ignored packets are not matched. */
enum shadowtap_counter {
	SHADOWTAP_MATCHED_TO_SERVER,
	SHADOWTAP_MATCHED_TO_CLIENT,
	SHADOWTAP_DELIVERED,
	SHADOWTAP_LOST_RING_FULL,    /* no room: the packet that made its flow shed */
	SHADOWTAP_LOST_SHED,	     /* of a flow shed until the ring is low again */
	SHADOWTAP_LOST_REFUSED_FLOW, /* of a flow that was new above the fill mark */
	SHADOWTAP_LOST_FLOW_TABLE,   /* flow table full */
	SHADOWTAP_LOST_TRUNCATED,    /* a packet above 64 KiB, of which only a part had room */
	SHADOWTAP_LOST_FRAGMENT,     /* first IP fragment: the rest has no ports */
	SHADOWTAP_LOST_UNREADABLE,   /* no copy of the payload: device memory (devmem TCP) */
	SHADOWTAP_IGNORED_NOT_LOCAL, /* forwarded, or this host's own connection elsewhere */
	SHADOWTAP_IGNORED_DUPLICATE, /* seen already on the interface that owns it */
	SHADOWTAP_IGNORED_VERDICT,   /* user space asked not to see it */
	SHADOWTAP_IGNORED_SAMPLED_OUT,
	SHADOWTAP_IGNORED_OWN_TRAFFIC,
	SHADOWTAP_IGNORED_TARGET,
	SHADOWTAP_IGNORED_ACK,		/* says nothing new */
	SHADOWTAP_IGNORED_UNKNOWN_FLOW, /* no payload, and its flow is not captured */
	SHADOWTAP_IGNORED_FRAGMENT,	/* later IP fragment */
	SHADOWTAP_IGNORED_STALE,	/* the agent does not drain */
	SHADOWTAP_COUNTERS = 32,
};

struct shadowtap_counts {
	__u64 n[SHADOWTAP_COUNTERS];
};

/*
 * A ring's position counts units of 8 bytes and never falls back (44 bits: it goes round after
 * 140 TB). The producer's word holds it above the ring's base, the page of the position that
 * has the place 0 (20 bits). Where the agent finds the ring empty it moves the base up to the
 * position, both in one swap, so that a ring that is kept up with uses the same few cache lines.
 */
#define SHADOWTAP_BASE_BITS 20
/* From bytes to a step of that word, and to what shadowtap_used() says. */
#define SHADOWTAP_STEP_SHIFT (SHADOWTAP_BASE_BITS - 3)

/* Two cache lines a shard: the agent writes the first one when it drains, the processors
 * that have packets for it the second. */
struct shadowtap_shard {
	__u64 heartbeat_ns; /* agent: CLOCK_MONOTONIC_COARSE of its last drain */
	__u64 consumer;	    /* agent: records before this position were read */
	__u64 reserved_agent[6];
	__u64 producer; /* position before which records have their place, and base */
	__u32 armed;	/* agent sets: wake me; kernel clears */
	__u32 reserved_kernel[13];
};

struct shadowtap_interface {
	__u32 leaf; /* everything behind it is a pod, container or VM */
};

/* What is known of one direction of a flow. */
struct shadowtap_side {
	__u32 owner;	/* ifindex whose packets count; 0: none yet */
	__u32 end;	/* sequence number after the last byte reported or acknowledged */
	__u32 seen;	/* the same of what was seen, lost or not: tells copies */
	__u32 hole_end; /* first sequence number after a hole */
	__u32 flags;
};

enum shadowtap_side_flag {
	SHADOWTAP_SIDE_STARTED = 1, /* `end` is valid */
	SHADOWTAP_SIDE_HOLE = 2,    /* `hole_end` is valid */
	SHADOWTAP_SIDE_FIN = 4,
	SHADOWTAP_SIDE_SEEN = 8, /* `seen` is valid */
};

struct shadowtap_flow {
	struct shadowtap_side sides[2]; /* by direction */
	__u64 seen_ns;			/* CLOCK_MONOTONIC of its last packet, or 0.1 s before */
	__u32 flags;
	__u32 reserved;
};

enum shadowtap_flow_flag {
	SHADOWTAP_FLOW_LOCAL = 1,   /* a socket of this namespace serves it */
	SHADOWTAP_FLOW_OURS = 2,    /* our own traffic to a target */
	SHADOWTAP_FLOW_TARGET = 4,  /* somebody's traffic to a target */
	SHADOWTAP_FLOW_REFUSED = 8, /* new above the fill mark */
	SHADOWTAP_FLOW_SHED = 16,   /* lost a record; waits for the low mark */
};

/* A verdict word: tag 30, kind 2, until 32 (from the high end). */
#define SHADOWTAP_VERDICT_BITS 18
#define SHADOWTAP_VERDICTS (1 << SHADOWTAP_VERDICT_BITS)
enum shadowtap_verdict_kind {
	SHADOWTAP_SKIP_NOTHING = 0,
	SHADOWTAP_SKIP_FOR_EVER = 1,
	SHADOWTAP_SKIP_UNTIL = 2,
};

/*
 * Names a flow whatever the direction. Bits: 0-29 verdict tag, 14-29 also sampling,
 * 30-45 shard, 47-63 verdict index.
 */
static inline __attribute__((always_inline)) __u64
shadowtap_flow_hash(__u64 secret, const struct shadowtap_flow_key *key)
{
	const __u64 odd = 0x9e3779b97f4a7c15ULL, prime = 0xc2b2ae3d27d4eb4fULL;
	__u64 a, b, c, h;

	/* Three lanes that the processor works on side by side. */
	a = (secret ^ ((__u64)key->client[0] << 32 | key->client[1])) * odd;
	b = (secret ^ ((__u64)key->server[0] << 32 | key->server[1])) * prime;
	c = (secret ^ ((__u64)key->client_port << 16 | key->server_port)) * odd;
	a = (a ^ a >> 32 ^ ((__u64)key->client[2] << 32 | key->client[3])) * odd;
	b = (b ^ b >> 32 ^ ((__u64)key->server[2] << 32 | key->server[3])) * prime;
	h = (a ^ a >> 32) + (b ^ b >> 29) + (c ^ c >> 31);
	h = (h ^ h >> 32) * odd;
	return h ^ h >> 32;
}

static inline __attribute__((always_inline)) __u32 shadowtap_verdict_index(__u64 hash,
									   __u32 direction)
{
	return (__u32)(hash >> 47) << 1 | direction;
}

static inline __attribute__((always_inline)) __u64 shadowtap_verdict_word(__u64 hash,
									  __u32 kind,
									  __u32 until)
{
	return (hash & 0x3fffffff) << 34 | (__u64)kind << 32 | until;
}

static inline __attribute__((always_inline)) __u32 shadowtap_record_size(__u32 captured)
{
	return ((__u32)sizeof(struct shadowtap_record) + captured + 7) & ~7U;
}

static inline __attribute__((always_inline)) __u64 shadowtap_position(__u64 word)
{
	return word >> SHADOWTAP_BASE_BITS;
}

/* The word when the ring begins anew at this position. */
static inline __attribute__((always_inline)) __u64 shadowtap_rebased(__u64 position)
{
	return position << SHADOWTAP_BASE_BITS |
	       ((position >> 9) & ((1ULL << SHADOWTAP_BASE_BITS) - 1));
}

/* Where in a ring of `bytes` the record at the word's position is. */
static inline __attribute__((always_inline)) __u64 shadowtap_place(__u64 word, __u64 bytes)
{
	return ((shadowtap_position(word) << 3) -
		((word & ((1ULL << SHADOWTAP_BASE_BITS) - 1)) << 12)) & (bytes - 1);
}

/* From `consumer` to the word's position, in steps of the word; signed. */
static inline __attribute__((always_inline)) __s64 shadowtap_used(__u64 word, __u64 consumer)
{
	return (__s64)((shadowtap_position(word) - consumer) << SHADOWTAP_BASE_BITS);
}

static inline __attribute__((always_inline)) __u32 shadowtap_shard_of(__u64 hash, __u32 shards)
{
	return ((__u32)(hash >> 30) & 0xffff) * shards >> 16;
}

#ifdef __cplusplus
static_assert(sizeof(shadowtap_flow_key) == 36);
static_assert(sizeof(shadowtap_record) == 72);
static_assert(sizeof(shadowtap_shard) == 128);
static_assert(sizeof(shadowtap_flow) == 56);
#else
_Static_assert(sizeof(struct shadowtap_flow_key) == 36, "ABI");
_Static_assert(sizeof(struct shadowtap_record) == 72, "ABI");
_Static_assert(sizeof(struct shadowtap_shard) == 128, "ABI");
_Static_assert(sizeof(struct shadowtap_flow) == 56, "ABI");
#endif

#endif
