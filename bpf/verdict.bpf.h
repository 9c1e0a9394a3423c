/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What user space said it does not want to see, in words that it writes into a mapped
 * array without a system call. A word belongs to whom its tag names: another flow at the
 * same index overwrites it, and the first one is copied again. A wish, not a promise.
 */
#ifndef SHADOWTAP_VERDICT_BPF_H
#define SHADOWTAP_VERDICT_BPF_H

static __always_inline __u64 *verdict_of(__u64 hash, __u32 direction)
{
	__u32 index = shadowtap_verdict_index(hash, direction);

	if (!shadowtap_has_verdicts)
		return 0;
	return bpf_map_lookup_elem(&shadowtap_verdicts, &index);
}

static __always_inline bool is_tagged(__u64 verdict, __u64 hash)
{
	return verdict >> 34 == (hash & 0x3fffffff);
}

/* Only what we read: the agent may write another verdict meanwhile. */
static __always_inline void clear_verdict(__u64 *word, __u64 verdict)
{
	__sync_val_compare_and_swap(word, verdict, 0);
}

static __always_inline void forget_verdict(__u64 hash, __u32 direction)
{
	__u64 *word = verdict_of(hash, direction), verdict;

	if (!word)
		return;
	verdict = *(volatile __u64 *)word;
	if (verdict && is_tagged(verdict, hash))
		clear_verdict(word, verdict);
}

/* True: the packet is left out, and taken for seen. What begins or ends a connection never
 * is. Within a skipped part a packet whose ACK tells of loss in the other direction is wanted
 * all the same. */
static __always_inline bool is_skipped(const struct packet *p, struct shadowtap_flow *flow)
{
	__u64 *word = verdict_of(p->hash, p->direction), verdict;

	if (!word)
		return false;
	verdict = *(volatile __u64 *)word;
	if (!is_tagged(verdict, p->hash) || p->flags & (TCP_SYN | TCP_FIN | TCP_RST))
		return false;
	switch (verdict >> 32 & 3) {
	case SHADOWTAP_SKIP_FOR_EVER:
		break;
	case SHADOWTAP_SKIP_UNTIL:
		if (tells_of_loss(flow, p))
			return false;
		if (after(sequence_end(p), (__u32)verdict)) {
			clear_verdict(word, verdict);
			return false;
		}
		break;
	default:
		return false;
	}
	advance(flow, p);
	return true;
}

#endif
