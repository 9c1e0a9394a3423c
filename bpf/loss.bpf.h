/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Loss told from silence: how far each direction of a flow is known, and whether an ACK
 * covers bytes that were never seen. All comparisons are signed, so sequence numbers may
 * wrap.
 *
 * Both directions of a flow may pass at once on two processors, and there is no lock.
 * Flags change by atomic operations, and only where they do change. `end` may fall back
 * by a packet when both move it: that costs one header-only record and hides no loss.
 * `seen` may where two interfaces move it: that costs a copy.
 */
#ifndef SHADOWTAP_LOSS_BPF_H
#define SHADOWTAP_LOSS_BPF_H

static __always_inline bool after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* Sequence number after this packet; SYN and FIN count one. */
static __always_inline __u32 sequence_end(const struct packet *p)
{
	return p->sequence + p->length + !!(p->flags & TCP_SYN) + !!(p->flags & TCP_FIN);
}

static __always_inline void set_flag(__u32 *flags, __u32 flag)
{
	if (!(*flags & flag))
		__sync_fetch_and_or(flags, flag);
}

static __always_inline void clear_flag(__u32 *flags, __u32 flag)
{
	if (*flags & flag)
		__sync_fetch_and_and(flags, ~flag);
}

/*
 * For each packet that counts on its interface, whatever becomes of it: `end` must not move
 * over what was lost, and a copy of it must not be lost again. An empty packet says nothing:
 * the bytes before it may come by another interface.
 */
static __always_inline void see(struct shadowtap_side *side, const struct packet *p)
{
	__u32 end = sequence_end(p);

	if (end == p->sequence || (side->flags & SHADOWTAP_SIDE_SEEN && !after(end, side->seen)))
		return;
	side->seen = end;
	set_flag(&side->flags, SHADOWTAP_SIDE_SEEN);
}

/* The other side's bytes start at the latest where this one acknowledges. */
static __always_inline void start(struct shadowtap_side *side, __u32 sequence)
{
	if (side->flags & SHADOWTAP_SIDE_STARTED)
		return;
	side->end = sequence;
	set_flag(&side->flags, SHADOWTAP_SIDE_STARTED);
}

static __always_inline bool closes_hole(const struct shadowtap_side *side, __u32 acknowledgment)
{
	return side->flags & SHADOWTAP_SIDE_HOLE && !after(side->hole_end, acknowledgment);
}

static __always_inline void advance_own(struct shadowtap_side *side, const struct packet *p)
{
	__u32 end = sequence_end(p);

	start(side, p->sequence);
	if (end != p->sequence && after(p->sequence, side->end)) {
		side->hole_end = p->sequence;
		set_flag(&side->flags, SHADOWTAP_SIDE_HOLE);
	}
	if (after(end, side->end))
		side->end = end;
}

static __always_inline void advance_acknowledged(struct shadowtap_side *side,
						 __u32 acknowledgment)
{
	start(side, acknowledgment);
	if (after(acknowledgment, side->end))
		side->end = acknowledgment;
	if (closes_hole(side, acknowledgment))
		clear_flag(&side->flags, SHADOWTAP_SIDE_HOLE);
}

/* After this packet was reported, or left out because user space does not want it. */
static __always_inline void advance(struct shadowtap_flow *flow, const struct packet *p)
{
	__u32 me = p->direction & 1;

	advance_own(&flow->sides[me], p);
	if (p->flags & TCP_ACK)
		advance_acknowledged(&flow->sides[me ^ 1], p->acknowledgment);
}

/* Its ACK covers bytes of the other side that we did not see. */
static __always_inline bool tells_of_loss(const struct shadowtap_flow *flow,
					  const struct packet *p)
{
	const struct shadowtap_side *other = &flow->sides[(p->direction & 1) ^ 1];

	if (!(p->flags & TCP_ACK) || !(other->flags & SHADOWTAP_SIDE_STARTED))
		return false;
	return after(p->acknowledgment, other->end) || closes_hole(other, p->acknowledgment);
}

#endif
