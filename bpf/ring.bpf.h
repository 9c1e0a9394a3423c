/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From a packet to records in its shard's ring: an array that the agent maps read-only, and
 * positions in the shard's words. A record is never torn: one that begins at the end of a
 * segment goes on in the room behind it, and the next one begins in the next segment.
 *
 * Packets of several processors meet in a ring, and none waits for another: each takes its
 * place by compare-and-swap, fills it, and says so in the record's first word by a value
 * that no other position has. What an earlier round left there never looks like it, nor
 * does any payload: half of the value is a secret. shadowtap_event.h says what a position is.
 */
#ifndef SHADOWTAP_RING_BPF_H
#define SHADOWTAP_RING_BPF_H

/* 512 KiB, the largest BIG TCP packet. */
#define MAX_PIECES 9
/* Each miss is another processor's hit. After so many there is no room for it, either. */
#define RESERVE_TRIES 64

enum emitted {
	EMITTED,
	EMIT_FULL,
	EMIT_TRUNCATED, /* some of a large packet's records */
	EMIT_UNREADABLE,
};

/* `used` is negative where `word` is older than `consumer`: then the swap fails. */
static __always_inline bool reserve(struct shadowtap_shard *shard, __u32 size, __u64 *reserved)
{
	__u64 consumer = *(volatile __u64 *)&shard->consumer;
	__u64 word = *(volatile __u64 *)&shard->producer;
	__u64 more = (__u64)size << SHADOWTAP_STEP_SHIFT;

	for (int i = 0; i < RESERVE_TRIES; i++) {
		__s64 used = shadowtap_used(word, consumer) + (__s64)more;
		__u64 found;

		if (used > (__s64)(shadowtap_ring_bytes << SHADOWTAP_STEP_SHIFT))
			return false;
		found = __sync_val_compare_and_swap(&shard->producer, word, word + more);
		if (found == word) {
			*reserved = word;
			return true;
		}
		word = found;
	}
	return false;
}

static __always_inline struct shadowtap_record *record_at(void *ring, __u64 word)
{
	__u64 place = shadowtap_place(word, shadowtap_ring_bytes);
	__u32 index = place >> shadowtap_segment_bits;
	__u32 offset = place & ((1ULL << shadowtap_segment_bits) - 8);
	void *segment = bpf_map_lookup_elem(ring, &index);

	return segment ? segment + offset : 0;
}

static __always_inline void fill_record(struct shadowtap_record *record, const struct packet *p)
{
	record->time_ns = p->time_ns;
	record->flow = p->flow;
	record->flow_hash = (__u32)p->hash;
	record->sequence = p->sequence;
	record->acknowledgment = p->acknowledgment;
	record->captured = p->length;
	record->flags = p->flags;
	record->direction = p->direction;
	record->service = p->service;
	record->unreadable = 0;
}

/* `length` is at most SHADOWTAP_MAX_PAYLOAD. A plain `if (length)` around the copy fails with
 * "R4 invalid zero-sized read": clang tests a copy of the register. */
static __always_inline bool copy_payload(struct __sk_buff *skb, const struct packet *p,
					 struct shadowtap_record *record)
{
	__u32 length = p->length;

	if (!length)
		return true;
	barrier_var(length);
	length = ((length - 1) & (SHADOWTAP_MAX_PAYLOAD - 1)) + 1;
	return !bpf_skb_load_bytes(skb, p->payload, record + 1, length);
}

/* A release: who sees the word sees the record. x86 keeps the order of stores; elsewhere it
 * takes an exchange, the only barrier that BPF has on 6.1, which waits until the ring's cold
 * lines are there: 250 ns beside a busy service. */
static __always_inline void commit(struct shadowtap_record *record, __u64 word)
{
#ifdef __TARGET_ARCH_x86
	barrier();
	*(volatile __u64 *)&record->committed = word;
#else
	__u64 before = __sync_lock_test_and_set(&record->committed, word);

	barrier_var(before);
#endif
}

/*
 * Behind the commit. The compare-and-swap of reserve() was a full barrier; pairs with
 * MappedRing::arm():
 *
 *	here				agent
 *	producer moves			armed = 1
 *	full barrier			full barrier
 *	read armed			read producer
 *
 * At least one of the two sees what the other wrote: we wake the agent, or it does not
 * sleep. It wakes behind our commit: submitting to the waker is another full barrier. Who clears the word also wakes, so that no wake-up is lost; one too many is a turn
 * of the agent's loop for nothing. Where the waker is full the agent was woken already.
 */
static __always_inline void wake_sleeper(struct shadowtap_shard *shard, __u32 index)
{
	void *waker;
	__u64 *token;

	if (!*(volatile __u32 *)&shard->armed)
		return;
	*(volatile __u32 *)&shard->armed = 0;
	waker = bpf_map_lookup_elem(&shadowtap_wakers, &index);
	if (!waker)
		return;
	token = bpf_ringbuf_reserve(waker, sizeof(*token), 0);
	if (!token)
		return;
	*token = 0;
	bpf_ringbuf_submit(token, BPF_RB_FORCE_WAKEUP);
}

/* Nothing may return between reserve and commit: the agent would wait there for ever. (A
 * segment is always found: its index is masked.) */
__noinline int emit_record(struct __sk_buff *skb, const struct packet *p)
{
	struct shadowtap_record *record;
	struct shadowtap_shard *shard;
	__u64 word;
	bool readable;
	__u32 index;
	void *ring;

	if (!p)
		return EMIT_UNREADABLE;
	index = shard_index(p);
	shard = &shadowtap_shard_words[index];
	ring = bpf_map_lookup_elem(&shadowtap_rings, &index);
	if (!ring || p->length > SHADOWTAP_MAX_PAYLOAD ||
	    !reserve(shard, shadowtap_record_size(p->length), &word))
		return EMIT_FULL;
	record = record_at(ring, word);
	if (!record)
		return EMIT_FULL;
	fill_record(record, p);
	readable = copy_payload(skb, p, record);
	if (!readable)
		record->unreadable = 1;
	commit(record, shadowtap_position(word) ^ shadowtap_secret);
	wake_sleeper(shard, index);
	return readable ? EMITTED : EMIT_UNREADABLE;
}

/* A packet above SHADOWTAP_MAX_PAYLOAD takes several records: SYN belongs to the first,
 * FIN to the last. */
static __noinline int emit_large(struct __sk_buff *skb, const struct packet *whole)
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
		result = emit_record(skb, &piece);
		if (result != EMITTED)
			return i ? EMIT_TRUNCATED : result;
		piece.payload += piece.length;
		piece.sequence += piece.length;
		left -= piece.length;
	}
	return left ? EMIT_TRUNCATED : EMITTED;
}

static __always_inline int emit(struct __sk_buff *skb, const struct packet *p)
{
	if (p->length > SHADOWTAP_MAX_PAYLOAD)
		return emit_large(skb, p);
	return emit_record(skb, p);
}

#endif
