/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Whether a socket of this namespace serves a packet toward the host.
 */
#ifndef SHADOWTAP_SOCKET_BPF_H
#define SHADOWTAP_SOCKET_BPF_H

#define LOOPBACK_IFINDEX 1
#define PACKET_HOST 0 /* skb->pkt_type: sent to the interface's own MAC address */
#define AF_INET 2
#define AF_INET6 10
#define FIB_NOT_FORWARDED 4	  /* BPF_FIB_LKUP_RET_NOT_FWDED: local, or no route */
#define FIB_FORWARDING_DISABLED 5 /* BPF_FIB_LKUP_RET_FWD_DISABLED: not even looked up */

/* The argument of a helper, in the kernel's stable interface: nothing is relocated. */
struct bpf_fib_lookup {
	__u8 family;
	__u8 l4_protocol;
	__be16 sport;
	__be16 dport;
	__u16 tot_len;
	__u32 ifindex;
	__be32 flowinfo;
	__be32 source[4]; /* IPv4 in the first word */
	__be32 destination[4];
	__u8 output[16];
};

_Static_assert(sizeof(struct bpf_fib_lookup) == 64, "the kernel's");

/* Whether the packet ends here, by this host's routes. Where an interface forwards nothing,
 * the kernel does not look for a route: then what comes to its own MAC address ends here, and
 * the rest is bridged. */
__noinline int ends_here(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_fib_lookup route = {.l4_protocol = IPPROTO_TCP};
	int result;

	if (!p)
		return 0;
	route.sport = bpf_htons(p->flow.client_port);
	route.dport = bpf_htons(p->flow.server_port);
	route.ifindex = skb->ifindex;
	if (p->v6) {
		route.family = AF_INET6;
		copy_address(route.source, p->flow.client);
		copy_address(route.destination, p->flow.server);
	} else {
		route.family = AF_INET;
		route.source[0] = p->flow.client[3];
		route.destination[0] = p->flow.server[3];
	}
	result = bpf_fib_lookup(skb, &route, sizeof(route), 0);
	return result == FIB_NOT_FORWARDED ||
	       (result == FIB_FORWARDING_DISABLED && skb->pkt_type == PACKET_HOST);
}

/* A listening socket does not count: a wildcard listener matches every forwarded flow. But a
 * SYN with data (TFO) that ends here has no other socket yet. */
__noinline int has_socket(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	__u32 state;

	if (!p)
		return 0;
	if (p->v6) {
		copy_address(tuple.ipv6.saddr, p->flow.client);
		copy_address(tuple.ipv6.daddr, p->flow.server);
		tuple.ipv6.sport = bpf_htons(p->flow.client_port);
		tuple.ipv6.dport = bpf_htons(p->flow.server_port);
		sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	} else {
		tuple.ipv4.saddr = p->flow.client[3];
		tuple.ipv4.daddr = p->flow.server[3];
		tuple.ipv4.sport = bpf_htons(p->flow.client_port);
		tuple.ipv4.dport = bpf_htons(p->flow.server_port);
		sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return 0;
	state = sk->state;
	bpf_sk_release(sk);
	if (state != BPF_TCP_LISTEN)
		return 1;
	return (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	       (skb->ifindex == LOOPBACK_IFINDEX || ends_here(skb, p));
}

#endif
