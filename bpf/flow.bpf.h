/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whose packet it is, and once: the flow table. A flow belongs to the service if a
 * socket of this namespace serves it, or if it crosses an interface behind which there
 * is only a pod (a leaf). Each direction is owned by one interface, and moves to another
 * when that one is ahead.
 */
#ifndef SHADOWTAP_FLOW_BPF_H
#define SHADOWTAP_FLOW_BPF_H

/* A socket may appear a little after its first packets (SYN cookies). */
#define STRANGER_LOOKS 8

/* The key is copied: 6.1 takes none from a global function's argument ("R2 type=mem
 * expected=fp, pkt, pkt_meta, map_key, map_value"). */
static __always_inline struct shadowtap_flow *find_flow(const struct packet *p)
{
	__u64 key = p->hash;

	return bpf_map_lookup_elem(&shadowtap_flows, &key);
}

static __always_inline void forget_flow(const struct packet *p)
{
	__u64 key = p->hash;

	bpf_map_delete_elem(&shadowtap_flows, &key);
}

static __always_inline __u32 *stranger_of(const struct packet *p)
{
	__u32 index = p->hash >> 48;

	return bpf_map_lookup_elem(&shadowtap_strangers, &index);
}

static __always_inline __u32 stranger_tag(const struct packet *p)
{
	return (__u32)p->hash << 4;
}

static __always_inline bool is_local(struct __sk_buff *skb, const struct packet *p)
{
	__u32 *stranger = stranger_of(p), tag = stranger_tag(p), looks = 0;

	if (!stranger)
		return false;
	if ((*stranger & ~15) == tag)
		looks = *stranger & 15;
	if (looks >= STRANGER_LOOKS)
		return false;
	if (has_socket(skb, p))
		return true;
	*stranger = tag | (looks + 1);
	return false;
}

static __always_inline bool is_leaf(__u32 ifindex)
{
	struct shadowtap_interface *interface = bpf_map_lookup_elem(&shadowtap_interfaces,
								    &ifindex);

	return interface && interface->leaf;
}

/* Whether packets of this direction count on this interface (DESIGN 3.4). Only a packet
 * that starts something is worth a look at the sockets. */
static __always_inline bool may_take(struct __sk_buff *skb, const struct packet *p,
				     struct shadowtap_flow *flow)
{
	if (!p->toward_host)
		return is_leaf(skb->ifindex);
	if (flow && flow->flags & SHADOWTAP_FLOW_LOCAL)
		return true;
	if (!p->length && (p->flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK))
		return false;
	if (!is_local(skb, p))
		return false;
	if (flow)
		set_flag(&flow->flags, SHADOWTAP_FLOW_LOCAL);
	return true;
}

static __always_inline bool is_target(const struct packet *p)
{
	struct shadowtap_target target = {.port = p->flow.server_port};

	copy_address(target.address, p->flow.server);
	return bpf_map_lookup_elem(&shadowtap_targets, &target) != 0;
}

static __always_inline __u32 shard_index(const struct packet *p)
{
	return shadowtap_shard_of(p->hash, shadowtap_shards) & (SHADOWTAP_MAX_SHARDS - 1);
}

static __always_inline __u64 ring_fill(const struct packet *p)
{
	volatile struct shadowtap_shard *shard = &shadowtap_shard_words[shard_index(p)];
	__u64 consumer = shard->consumer;
	__s64 used = shadowtap_used(shard->producer, consumer);

	/* Negative: the two were read out of order. */
	return used < 0 ? 0 : (__u64)used >> SHADOWTAP_STEP_SHIFT;
}

static __always_inline __u32 flags_of_new(const struct packet *p)
{
	if (is_target(p))
		return SHADOWTAP_FLOW_TARGET;
	if (ring_fill(p) <= shadowtap_high_mark)
		return 0;
	/* A flow that was there before us comes back; a new one was never begun. */
	return p->flags & TCP_SYN ? SHADOWTAP_FLOW_REFUSED : SHADOWTAP_FLOW_SHED;
}

static __always_inline struct shadowtap_flow *insert_flow(const struct packet *p, __u32 flags)
{
	struct shadowtap_flow flow = {.flags = flags};
	__u64 key = p->hash;

	if (p->toward_host)
		flow.flags |= SHADOWTAP_FLOW_LOCAL;
	bpf_map_update_elem(&shadowtap_flows, &key, &flow, BPF_NOEXIST);
	return find_flow(p);
}

/* Another copy of the flow's SYN. One that bore data (TFO) ends behind it. */
static __always_inline bool is_known_syn(const struct shadowtap_flow *flow, const struct packet *p)
{
	const struct shadowtap_side *side = &flow->sides[SHADOWTAP_TO_SERVER];
	__u32 first = p->sequence + 1, end = sequence_end(p);

	return side->end == first || side->end == end || side->seen == first || side->seen == end;
}

/* A SYN with a sequence number that we have not seen begins another connection between
 * the same ports: nothing said of the last one holds. */
__noinline int begin_connection(const struct packet *p)
{
	struct shadowtap_flow *flow;
	__u32 *stranger;

	if (!p)
		return 0;
	flow = find_flow(p);
	stranger = stranger_of(p);
	if (flow && is_known_syn(flow, p))
		return 0;
	if (flow)
		forget_flow(p);
	if (stranger && (*stranger & ~15) == stranger_tag(p))
		*stranger = 0;
	forget_verdict(p->hash, SHADOWTAP_TO_SERVER);
	forget_verdict(p->hash, SHADOWTAP_TO_CLIENT);
	return 0;
}

#endif
