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
#include "loss.bpf.h"
#include "verdict.bpf.h"
#include "socket.bpf.h"
#include "flow.bpf.h"
#include "ring.bpf.h"

/* TC_ACT_UNSPEC and TCX_NEXT. */
#define NEXT (-1)
#define SEEN_EVERY_NS 100000000ULL

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void lose(const struct packet *p, __u32 reason)
{
	count(p->service, SHADOWTAP_MATCHED_TO_SERVER + p->direction);
	count(p->service, reason);
}

/* On a host the client's SYN comes before any socket can say that it is ours; its
 * SYN-ACK tells what it was. */
static __always_inline void emit_syn_seen_earlier(struct __sk_buff *skb,
						  struct shadowtap_flow *flow, struct packet *p)
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
	count(p->service, emit_record(skb, &syn) == EMITTED ? SHADOWTAP_DELIVERED
								  : SHADOWTAP_LOST_RING_FULL);
}

__noinline int deliver(struct __sk_buff *skb, struct packet *p, struct shadowtap_flow *flow)
{
	int result;

	if (!p || !flow)
		return 0;
	emit_syn_seen_earlier(skb, flow, p);
	result = emit(skb, p);
	if (result == EMITTED) {
		count(p->service, SHADOWTAP_MATCHED_TO_SERVER + p->direction);
		count(p->service, SHADOWTAP_DELIVERED);
		advance(flow, p);
		return 0;
	}
	if (result == EMIT_UNREADABLE) {
		lose(p, SHADOWTAP_LOST_UNREADABLE);
		return 0;
	}
	set_flag(&flow->flags, SHADOWTAP_FLOW_SHED);
	lose(p, result == EMIT_TRUNCATED ? SHADOWTAP_LOST_TRUNCATED : SHADOWTAP_LOST_RING_FULL);
	return 0;
}

/* Nothing behind `seen`, but it may be new: of the bytes before a hole's end nobody knows
 * which came. A reset has no copy: its first one ends the flow. */
static __always_inline bool may_be_new(const struct packet *p, const struct shadowtap_side *side)
{
	return p->flags & TCP_RST ||
	       (side->flags & SHADOWTAP_SIDE_HOLE && after(side->hole_end, p->sequence));
}

/* Whether another interface has shown it. False: it counts here. */
static __always_inline bool is_duplicate(const struct packet *p, struct shadowtap_side *side,
					 __u32 ifindex)
{
	if (side->owner != ifindex) {
		if (!side->owner || !(side->flags & SHADOWTAP_SIDE_SEEN) ||
		    after(sequence_end(p), side->seen))
			side->owner = ifindex;
		else if (!may_be_new(p, side))
			return true;
	}
	see(side, p);
	return false;
}

static __always_inline bool is_bare_ack(const struct packet *p)
{
	return !p->length && !(p->flags & (TCP_SYN | TCP_FIN | TCP_RST));
}

static __always_inline bool acknowledges_last_fin(const struct packet *p,
						  const struct shadowtap_flow *flow)
{
	return is_bare_ack(p) && flow->sides[0].flags & flow->sides[1].flags & SHADOWTAP_SIDE_FIN;
}

/* By a reset, or by the ACK of the second FIN; whether they were delivered or not. */
static __always_inline void end_if_closed(struct shadowtap_flow *flow, const struct packet *p)
{
	if (p->flags & TCP_FIN)
		set_flag(&flow->sides[p->direction & 1].flags, SHADOWTAP_SIDE_FIN);
	if (p->flags & TCP_RST || acknowledges_last_fin(p, flow))
		forget_flow(p);
}

/* Tried even of a shed flow: nothing else would tell that what was lost will not come. */
static __always_inline bool is_end(const struct packet *p, const struct shadowtap_flow *flow)
{
	return p->flags & (TCP_FIN | TCP_RST) || acknowledges_last_fin(p, flow);
}

static __always_inline bool says_nothing_new(const struct packet *p,
					     const struct shadowtap_flow *flow)
{
	if (!is_bare_ack(p))
		return false;
	return flow->flags & SHADOWTAP_FLOW_REFUSED || !tells_of_loss(flow, p) ||
	       (flow->flags & SHADOWTAP_FLOW_SHED && !is_end(p, flow));
}

/* A SHADOWTAP_IGNORED_…, or 0. */
static __always_inline __u32 why_ignored(const struct packet *p, struct shadowtap_flow *flow,
					 __u32 ifindex)
{
	if (flow->flags & SHADOWTAP_FLOW_OURS)
		return SHADOWTAP_IGNORED_OWN_TRAFFIC;
	if (flow->flags & SHADOWTAP_FLOW_TARGET)
		return SHADOWTAP_IGNORED_TARGET;
	if (is_duplicate(p, &flow->sides[p->direction & 1], ifindex))
		return SHADOWTAP_IGNORED_DUPLICATE;
	if (says_nothing_new(p, flow))
		return SHADOWTAP_IGNORED_ACK;
	if (is_skipped(p, flow))
		return SHADOWTAP_IGNORED_VERDICT;
	return 0;
}

/* A SHADOWTAP_LOST_…, or 0. */
static __always_inline __u32 why_lost(const struct packet *p, struct shadowtap_flow *flow)
{
	if (p->first_fragment)
		return SHADOWTAP_LOST_FRAGMENT;
	if (flow->flags & SHADOWTAP_FLOW_REFUSED)
		return SHADOWTAP_LOST_REFUSED_FLOW;
	if (!(flow->flags & SHADOWTAP_FLOW_SHED) || is_end(p, flow))
		return 0;
	if (ring_fill(p) > shadowtap_low_mark)
		return SHADOWTAP_LOST_SHED;
	clear_flag(&flow->flags, SHADOWTAP_FLOW_SHED);
	return 0;
}

static __always_inline void take(struct __sk_buff *skb, struct packet *p,
				 struct shadowtap_flow *flow)
{
	__u32 reason = why_ignored(p, flow, skb->ifindex);

	if (reason) {
		count(p->service, reason);
		return;
	}
	reason = why_lost(p, flow);
	if (reason)
		lose(p, reason);
	else
		deliver(skb, p, flow);
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
	if (flow) {
		set_flag(&flow->flags, SHADOWTAP_FLOW_OURS);
		flow->seen_ns = p->time_ns;
	}
	count(p->service, SHADOWTAP_IGNORED_OWN_TRAFFIC);
	return 0;
}

/* Idle times are seconds: not worth a store for each packet. */
static __always_inline void touch(struct shadowtap_flow *flow, const struct packet *p)
{
	if (p->time_ns - flow->seen_ns >= SEEN_EVERY_NS)
		flow->seen_ns = p->time_ns;
}

__noinline int capture(struct __sk_buff *skb, struct packet *p)
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
	touch(flow, p);
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

static __always_inline bool is_stale(const struct packet *p)
{
	/* Signed: the agent may have drained since this packet's time was taken. */
	return (__s64)(p->time_ns - shadowtap_shard_words[shard_index(p)].heartbeat_ns) >
	       SHADOWTAP_HEARTBEAT_TIMEOUT_NS;
}

static __always_inline int observe(struct __sk_buff *skb, __u32 l2, bool ingress)
{
	struct packet p = {.ingress = ingress};
	enum parsed parsed;

	if (!shadowtap_enabled)
		return NEXT;
	parsed = parse(skb, l2, &p);
	if (parsed == PARSED_NOT_OURS)
		return NEXT;
	if (parsed == PARSED_LATER_FRAGMENT) {
		count(SHADOWTAP_MAX_SERVICES, SHADOWTAP_IGNORED_FRAGMENT);
		return NEXT;
	}
	/* Before anything that is cold: reading the clock waits for all loads under way. */
	p.time_ns = bpf_ktime_get_ns();
	p.hash = shadowtap_flow_hash(shadowtap_secret, &p.flow);
	if (is_stale(&p)) {
		count(SHADOWTAP_MAX_SERVICES, SHADOWTAP_IGNORED_STALE);
		disable_if_abandoned(p.time_ns);
		return NEXT;
	}
	if ((p.hash >> 14 & 0xffff) >= shadowtap_sample) {
		count(service_of(p.flow.server_port), SHADOWTAP_IGNORED_SAMPLED_OUT);
		return NEXT;
	}
	capture(skb, &p);
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
