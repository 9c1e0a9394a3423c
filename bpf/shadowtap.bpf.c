// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Copies the TCP payload of the services' ports to the agent, and never judges: every
 * path returns "next". See README.md for hooks, maps and the order of work.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "shadowtap_event.h"
#include "maps.bpf.h"
#include "packet.bpf.h"
#include "flow.bpf.h"
#include "ring.bpf.h"

/* TC_ACT_UNSPEC and TCX_NEXT. */
#define NEXT (-1)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void lose(const struct packet *p, __u32 reason)
{
	count(p->service, SHADOWTAP_MATCHED_TO_SERVER + p->direction);
	count(p->service, reason);
}

/* After this packet was reported: how far each direction is known. */
static __always_inline void advance(struct shadowtap_flow *flow, const struct packet *p)
{
	__u32 me = p->direction & 1;
	struct shadowtap_side *side = &flow->sides[me], *other = &flow->sides[me ^ 1];
	__u32 end = sequence_end(p);

	if (!(side->flags & SHADOWTAP_SIDE_STARTED)) {
		side->end = p->sequence;
		side->flags |= SHADOWTAP_SIDE_STARTED;
	}
	if ((p->length || p->flags & (TCP_SYN | TCP_FIN)) && after(p->sequence, side->end)) {
		side->hole_end = p->sequence;
		side->flags |= SHADOWTAP_SIDE_HOLE;
	}
	if (after(end, side->end))
		side->end = end;
	if (p->flags & TCP_FIN)
		side->flags |= SHADOWTAP_SIDE_FIN;
	if (!(p->flags & TCP_ACK))
		return;
	if (!(other->flags & SHADOWTAP_SIDE_STARTED)) {
		other->end = p->acknowledgment;
		other->flags |= SHADOWTAP_SIDE_STARTED;
	}
	if (after(p->acknowledgment, other->end))
		other->end = p->acknowledgment;
	if (other->flags & SHADOWTAP_SIDE_HOLE && !after(other->hole_end, p->acknowledgment))
		other->flags &= ~SHADOWTAP_SIDE_HOLE;
}

/* A bare ACK matters only where it covers bytes that we did not see. */
static __always_inline bool tells_of_loss(const struct shadowtap_flow *flow,
					  const struct packet *p)
{
	const struct shadowtap_side *other = &flow->sides[(p->direction & 1) ^ 1];

	if (!(p->flags & TCP_ACK) || !(other->flags & SHADOWTAP_SIDE_STARTED))
		return false;
	return after(p->acknowledgment, other->end) ||
	       (other->flags & SHADOWTAP_SIDE_HOLE &&
		!after(other->hole_end, p->acknowledgment));
}

/* On a host the client's SYN comes before any socket can say that it is ours; its
 * SYN-ACK tells what it was. */
static __always_inline void emit_syn_seen_earlier(struct shadowtap_flow *flow, struct packet *p,
						  __u64 now)
{
	struct packet syn;

	if ((p->flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK) ||
	    p->direction != SHADOWTAP_TO_CLIENT ||
	    flow->sides[SHADOWTAP_TO_SERVER].flags & SHADOWTAP_SIDE_STARTED)
		return;
	syn = *p;
	syn.direction = SHADOWTAP_TO_SERVER;
	syn.flags = TCP_SYN;
	syn.sequence = p->acknowledgment - 1;
	syn.acknowledgment = 0;
	syn.length = 0;
	count(p->service, SHADOWTAP_MATCHED_TO_SERVER);
	count(p->service, emit_header(&syn, now) == EMITTED ? SHADOWTAP_DELIVERED
							    : SHADOWTAP_LOST_RING_FULL);
}

__noinline int deliver(struct __sk_buff *skb, struct packet *p, struct shadowtap_flow *flow)
{
	__u64 now = bpf_ktime_get_ns();
	int result;

	if (!p || !flow)
		return 0;
	emit_syn_seen_earlier(flow, p, now);
	result = emit(skb, p, now);
	count(p->service, SHADOWTAP_MATCHED_TO_SERVER + p->direction);
	if (result == EMITTED) {
		count(p->service, SHADOWTAP_DELIVERED);
		advance(flow, p);
		return 0;
	}
	if (result == EMIT_UNREADABLE) {
		count(p->service, SHADOWTAP_LOST_UNREADABLE);
		return 0;
	}
	flow->flags |= SHADOWTAP_FLOW_SHED;
	count(p->service, p->length > SHADOWTAP_MAX_PAYLOAD ? SHADOWTAP_LOST_TRUNCATED
							    : SHADOWTAP_LOST_RING_FULL);
	return 0;
}

/* True: user space does not want this packet, which is then taken for seen. */
static __always_inline bool is_skipped(const struct packet *p, struct shadowtap_flow *flow)
{
	__u32 index = shadowtap_verdict_index(p->hash, p->direction);
	__u64 *word = bpf_map_lookup_elem(&shadowtap_verdicts, &index);
	__u64 verdict;

	if (!word)
		return false;
	verdict = *word;
	if (!verdict || verdict >> 34 != (p->hash & 0x3fffffff))
		return false;
	if ((verdict >> 32 & 3) == SHADOWTAP_SKIP_FOR_EVER)
		return true;
	if (p->flags & (TCP_SYN | TCP_FIN | TCP_RST))
		return false;
	if (after(sequence_end(p), (__u32)verdict)) {
		*word = 0;
		return false;
	}
	advance(flow, p);
	return true;
}

static __always_inline bool is_duplicate(const struct packet *p, struct shadowtap_side *side,
					 __u32 ifindex)
{
	if (side->owner == ifindex)
		return false;
	if (side->owner && !after(sequence_end(p), side->end))
		return true;
	side->owner = ifindex;
	return false;
}

static __always_inline void end_if_closed(struct shadowtap_flow *flow, const struct packet *p)
{
	if (p->flags & TCP_RST ||
	    (!p->length && !(p->flags & (TCP_SYN | TCP_FIN)) &&
	     flow->sides[0].flags & flow->sides[1].flags & SHADOWTAP_SIDE_FIN))
		forget_flow(p);
}

static __always_inline int take(struct __sk_buff *skb, struct packet *p,
				struct shadowtap_flow *flow)
{
	__u32 me = p->direction & 1;

	if (flow->flags & (SHADOWTAP_FLOW_OURS | SHADOWTAP_FLOW_TARGET)) {
		count(p->service, flow->flags & SHADOWTAP_FLOW_OURS
					  ? SHADOWTAP_IGNORED_OWN_TRAFFIC
					  : SHADOWTAP_IGNORED_TARGET);
		return 0;
	}
	if (is_duplicate(p, &flow->sides[me], skb->ifindex)) {
		count(p->service, SHADOWTAP_IGNORED_DUPLICATE);
		return 0;
	}
	if (!p->length && !(p->flags & (TCP_SYN | TCP_FIN | TCP_RST)) &&
	    (flow->flags & (SHADOWTAP_FLOW_SHED | SHADOWTAP_FLOW_REFUSED) ||
	     !tells_of_loss(flow, p))) {
		count(p->service, SHADOWTAP_IGNORED_ACK);
		return 0;
	}
	if (is_skipped(p, flow)) {
		count(p->service, SHADOWTAP_IGNORED_VERDICT);
		return 0;
	}
	if (p->first_fragment) {
		lose(p, SHADOWTAP_LOST_FRAGMENT);
		return 0;
	}
	if (flow->flags & SHADOWTAP_FLOW_REFUSED) {
		lose(p, SHADOWTAP_LOST_REFUSED_FLOW);
		return 0;
	}
	if (flow->flags & SHADOWTAP_FLOW_SHED) {
		if (ring_fill(p) > shadowtap_low_mark) {
			lose(p, SHADOWTAP_LOST_SHED);
			return 0;
		}
		flow->flags &= ~SHADOWTAP_FLOW_SHED;
	}
	return deliver(skb, p, flow);
}

/* A packet with our mark makes its flow ours in both directions: on lo the responses
 * carry no mark. */
__noinline int mark_flow(const struct packet *p)
{
	struct shadowtap_flow *flow;

	if (!p)
		return 0;
	flow = find_flow(p);
	if (!flow)
		flow = insert_flow(p, SHADOWTAP_FLOW_OURS);
	if (flow)
		flow->flags |= SHADOWTAP_FLOW_OURS;
	count(p->service, SHADOWTAP_IGNORED_OWN_TRAFFIC);
	return 0;
}

__noinline int capture(struct __sk_buff *skb, struct packet *p, __u64 coarse_now)
{
	struct shadowtap_flow *flow;
	__u32 ifindex = skb->ifindex;

	if (!p)
		return 0;
	p->service = service_of(p->flow.server_port);
	if (ifindex == LOOPBACK_IFINDEX)
		p->toward_host = 1;
	if ((p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		begin_connection(p);
	if (shadowtap_mark && skb->mark == shadowtap_mark) {
		mark_flow(p);
		return 0;
	}
	flow = find_flow(p);
	if ((!flow || flow->sides[p->direction & 1].owner != ifindex) &&
	    !may_take(skb, p, flow)) {
		count(p->service, SHADOWTAP_IGNORED_NOT_LOCAL);
		return 0;
	}
	if (!flow) {
		if (!p->length && !(p->flags & TCP_SYN)) {
			count(p->service, SHADOWTAP_IGNORED_UNKNOWN_FLOW);
			return 0;
		}
		flow = insert_flow(p, flags_of_new(p));
		if (!flow) {
			lose(p, SHADOWTAP_LOST_FLOW_TABLE);
			return 0;
		}
	}
	flow->seen_ns = coarse_now;
	take(skb, p, flow);
	end_if_closed(flow, p);
	return 0;
}

/* When every shard has stopped draining: the next packets cost one look at a word. The
 * first drain of an agent that was only stuck enables again. */
__noinline int disable_if_abandoned(__u64 now)
{
	for (__u32 shard = 0; shard < SHADOWTAP_MAX_SHARDS && shard < shadowtap_shards; shard++)
		if ((__s64)(now - shadowtap_shard_words[shard].heartbeat_ns) <=
		    SHADOWTAP_HEARTBEAT_TIMEOUT_NS)
			return 0;
	shadowtap_enabled = 0;
	return 1;
}

static __always_inline bool is_stale(const struct packet *p, __u64 now)
{
	__u32 shard = shadowtap_shard_of(p->hash, shadowtap_shards) & (SHADOWTAP_MAX_SHARDS - 1);

	/* Signed: the coarse clock lags behind the one that the agent reads. */
	return (__s64)(now - shadowtap_shard_words[shard].heartbeat_ns) >
	       SHADOWTAP_HEARTBEAT_TIMEOUT_NS;
}

static __always_inline int observe(struct __sk_buff *skb, __u32 l2, bool ingress)
{
	struct packet p = {.ingress = ingress};
	enum parsed parsed;
	__u64 now;

	if (!shadowtap_enabled)
		return NEXT;
	parsed = parse(skb, l2, &p);
	if (parsed == PARSED_NOT_OURS)
		return NEXT;
	if (parsed == PARSED_LATER_FRAGMENT) {
		count(SHADOWTAP_MAX_SERVICES, SHADOWTAP_IGNORED_FRAGMENT);
		return NEXT;
	}
	p.hash = shadowtap_flow_hash(shadowtap_secret, &p.flow);
	now = bpf_ktime_get_coarse_ns();
	if (is_stale(&p, now)) {
		count(SHADOWTAP_MAX_SERVICES, SHADOWTAP_IGNORED_STALE);
		disable_if_abandoned(now);
		return NEXT;
	}
	if ((p.hash >> 14 & 0xffff) >= shadowtap_sample) {
		count(service_of(p.flow.server_port), SHADOWTAP_IGNORED_SAMPLED_OUT);
		return NEXT;
	}
	capture(skb, &p, now);
	return NEXT;
}

SEC("tc")
int shadowtap_ingress(struct __sk_buff *skb)
{
	return observe(skb, ETH_HLEN, true);
}

SEC("tc")
int shadowtap_egress(struct __sk_buff *skb)
{
	return observe(skb, ETH_HLEN, false);
}

/* For devices without a link layer: tun, WireGuard, IP tunnels. */
SEC("tc")
int shadowtap_ingress_l3(struct __sk_buff *skb)
{
	return observe(skb, 0, true);
}

SEC("tc")
int shadowtap_egress_l3(struct __sk_buff *skb)
{
	return observe(skb, 0, false);
}
