/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From an skb to "TCP on one of our ports": link layer, VLAN tags, IPv4 with options,
 * IPv6 with extension headers. Reads only: direct access while the headers are linear
 * and plain, bpf_skb_load_bytes for everything else. Checks no checksum (offload makes
 * them wrong here).
 */
#ifndef SHADOWTAP_PACKET_BPF_H
#define SHADOWTAP_PACKET_BPF_H

#define ETH_HLEN 14
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define VLAN_HLEN 4
#define MAX_VLAN_TAGS 2

#define IPPROTO_HOPOPTS 0
#define IPPROTO_TCP 6
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_AH 51
#define IPPROTO_DSTOPTS 60
#define IPPROTO_MH 135
#define MAX_IPV6_EXTENSIONS 8

#define IP_MORE_FRAGMENTS 0x2000
#define IP_FRAGMENT_OFFSET 0x1fff

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

struct ipv4_header {
	__u8 version_ihl;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
};

struct ipv6_header {
	__u8 version_class;
	__u8 flow_label[3];
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__be32 source[4];
	__be32 destination[4];
};

struct ipv6_extension {
	__u8 next_header;
	__u8 length;
	__be16 fragment; /* of a fragment header only */
};

struct tcp_header {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgment;
	__u8 offset;
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
};

struct packet {
	struct shadowtap_flow_key flow;
	__u64 hash;
	__u64 time_ns;
	__u32 sequence;
	__u32 acknowledgment;
	__u32 payload; /* offset from skb->data */
	__u32 length;  /* of the payload */
	__u8 flags;
	__u8 direction;
	__u8 service;
	__u8 toward_host;
	__u8 v6;
	__u8 ingress;
	__u8 first_fragment;
	__u8 reserved;
};

enum parsed {
	PARSED_OURS,
	PARSED_NOT_OURS,
	PARSED_LATER_FRAGMENT,
};

static __always_inline bool is_service_port(__u32 port)
{
	/* 6.1: "math between map_value pointer and register with unbounded min value":
	 * clang drops a mask it can prove and the verifier then cannot. */
	barrier_var(port);
	port &= 0xffff;
	return shadowtap_ports[port >> 6] >> (port & 63) & 1;
}

static __always_inline __u8 service_of(__u32 port)
{
	barrier_var(port);
	port &= 0xffff;
	return shadowtap_service_of_port[port];
}

/* Which side is the service. Both ports may be ours (an ephemeral port that happens to be
 * one): the lower port, then the lower address, so that both directions agree. */
static __always_inline bool to_server(__u16 source, __u16 destination, bool lower)
{
	if (!is_service_port(source))
		return true;
	if (!is_service_port(destination))
		return false;
	return destination < source || (destination == source && lower);
}

static __always_inline void copy_address(__u32 *to, const __be32 *from)
{
	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	to[3] = from[3];
}

static __always_inline void set_ipv4(__u32 *to, __be32 from)
{
	to[0] = 0;
	to[1] = 0;
	to[2] = bpf_htonl(0xffff);
	to[3] = from;
}

static __always_inline void set_direction(struct packet *p, bool toward_server)
{
	p->direction = toward_server ? SHADOWTAP_TO_SERVER : SHADOWTAP_TO_CLIENT;
	p->toward_host = p->ingress == toward_server;
}

static __always_inline void set_ipv4_flow(struct packet *p, const struct ipv4_header *ip,
					  __u16 source, __u16 destination)
{
	bool toward_server = to_server(source, destination,
				       bpf_ntohl(ip->destination) < bpf_ntohl(ip->source));

	set_direction(p, toward_server);
	p->v6 = 0;
	set_ipv4(p->flow.client, toward_server ? ip->source : ip->destination);
	set_ipv4(p->flow.server, toward_server ? ip->destination : ip->source);
	p->flow.client_port = toward_server ? source : destination;
	p->flow.server_port = toward_server ? destination : source;
}

static __always_inline bool lower_address(const __be32 *a, const __be32 *b)
{
	for (int i = 0; i < 4; i++)
		if (a[i] != b[i])
			return bpf_ntohl(a[i]) < bpf_ntohl(b[i]);
	return false;
}

static __always_inline void set_ipv6_flow(struct packet *p, const struct ipv6_header *ip,
					  __u16 source, __u16 destination)
{
	bool toward_server = to_server(source, destination,
				       lower_address(ip->destination, ip->source));

	set_direction(p, toward_server);
	p->v6 = 1;
	if (toward_server) {
		copy_address(p->flow.client, ip->source);
		copy_address(p->flow.server, ip->destination);
	} else {
		copy_address(p->flow.client, ip->destination);
		copy_address(p->flow.server, ip->source);
	}
	p->flow.client_port = toward_server ? source : destination;
	p->flow.server_port = toward_server ? destination : source;
}

/* `tcp_at` and `ip_end` are offsets from skb->data. False: the TCP header lies. */
static __always_inline bool set_tcp(struct packet *p, const struct tcp_header *tcp,
				    __u32 tcp_at, __u32 ip_end, __u32 skb_len)
{
	__u32 header = (tcp->offset >> 4) * 4;

	if (ip_end > skb_len)
		ip_end = skb_len;
	if (header < sizeof(*tcp) || tcp_at + header > ip_end)
		return false;
	p->sequence = bpf_ntohl(tcp->sequence);
	p->acknowledgment = bpf_ntohl(tcp->acknowledgment);
	p->flags = tcp->flags;
	p->payload = tcp_at + header;
	p->length = ip_end - p->payload;
	return true;
}

/* A length field of 0 is BIG TCP: then the skb says where the payload ends. */
static __always_inline __u32 end_of(__u32 at, __be16 length, __u32 header, __u32 skb_len)
{
	return length ? at + header + bpf_ntohs(length) : skb_len;
}

static __noinline enum parsed parse_ipv4(struct __sk_buff *skb, __u32 at, struct packet *p)
{
	struct ipv4_header ip;
	struct tcp_header tcp;
	__u32 ihl;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return PARSED_NOT_OURS;
	ihl = (ip.version_ihl & 15) * 4;
	if (ip.version_ihl >> 4 != 4 || ihl < sizeof(ip) || ip.protocol != IPPROTO_TCP)
		return PARSED_NOT_OURS;
	if (ip.fragment & bpf_htons(IP_FRAGMENT_OFFSET))
		return PARSED_LATER_FRAGMENT;
	if (bpf_skb_load_bytes(skb, at + ihl, &tcp, sizeof(tcp)))
		return PARSED_NOT_OURS;

	__u16 source = bpf_ntohs(tcp.source), destination = bpf_ntohs(tcp.destination);

	if (!is_service_port(source) && !is_service_port(destination))
		return PARSED_NOT_OURS;
	p->first_fragment = !!(ip.fragment & bpf_htons(IP_MORE_FRAGMENTS));
	set_ipv4_flow(p, &ip, source, destination);
	return set_tcp(p, &tcp, at + ihl, end_of(at, ip.total_length, 0, skb->len), skb->len)
		       ? PARSED_OURS
		       : PARSED_NOT_OURS;
}

/* Whether TCP may follow the header that `next` names. */
static __always_inline bool is_extension(__u8 next)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case IPPROTO_AH:
	case IPPROTO_FRAGMENT:
		return true;
	default:
		return false;
	}
}

/* Bytes of the extension header that `next` names. */
static __always_inline __u32 extension_size(__u8 next, const struct ipv6_extension *header)
{
	switch (next) {
	case IPPROTO_AH:
		return (header->length + 2) * 4;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return (header->length + 1) * 8;
	}
}

static __noinline enum parsed parse_ipv6(struct __sk_buff *skb, __u32 at, struct packet *p)
{
	struct ipv6_extension extension;
	struct ipv6_header ip;
	struct tcp_header tcp;
	__u32 tcp_at = at + sizeof(ip);
	__u8 next;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return PARSED_NOT_OURS;
	if (ip.version_class >> 4 != 6)
		return PARSED_NOT_OURS;
	next = ip.next_header;
	for (int i = 0; i < MAX_IPV6_EXTENSIONS && next != IPPROTO_TCP; i++) {
		if (!is_extension(next) ||
		    bpf_skb_load_bytes(skb, tcp_at, &extension, sizeof(extension)))
			return PARSED_NOT_OURS;
		if (next == IPPROTO_FRAGMENT) {
			if (extension.fragment & bpf_htons(0xfff8))
				return extension.next_header == IPPROTO_TCP
					       ? PARSED_LATER_FRAGMENT
					       : PARSED_NOT_OURS;
			if (extension.fragment & bpf_htons(1))
				p->first_fragment = 1;
		}
		tcp_at += extension_size(next, &extension);
		next = extension.next_header;
	}
	if (next != IPPROTO_TCP || bpf_skb_load_bytes(skb, tcp_at, &tcp, sizeof(tcp)))
		return PARSED_NOT_OURS;

	__u16 source = bpf_ntohs(tcp.source), destination = bpf_ntohs(tcp.destination);

	if (!is_service_port(source) && !is_service_port(destination))
		return PARSED_NOT_OURS;
	set_ipv6_flow(p, &ip, source, destination);
	return set_tcp(p, &tcp, tcp_at, end_of(at, ip.payload_length, sizeof(ip), skb->len),
		       skb->len)
		       ? PARSED_OURS
		       : PARSED_NOT_OURS;
}

/* Any header form, by bpf_skb_load_bytes. Global functions are verified once each, not
 * once for every path to them: without that the verifier takes seconds. */
__noinline int parse_slowly(struct __sk_buff *skb, __u32 l2, struct packet *p)
{
	__be16 protocol = (__be16)skb->protocol;
	__u32 at = l2;

	if (!p)
		return PARSED_NOT_OURS;
	if (l2) {
		if (bpf_skb_load_bytes(skb, l2 - sizeof(protocol), &protocol, sizeof(protocol)))
			return PARSED_NOT_OURS;
		for (int i = 0; i < MAX_VLAN_TAGS; i++) {
			if (protocol != bpf_htons(ETH_P_8021Q) &&
			    protocol != bpf_htons(ETH_P_8021AD))
				break;
			if (bpf_skb_load_bytes(skb, at + 2, &protocol, sizeof(protocol)))
				return PARSED_NOT_OURS;
			at += VLAN_HLEN;
		}
	}
	if (protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, at, p);
	if (protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, at, p);
	return PARSED_NOT_OURS;
}

/*
 * The common forms by direct access: no VLAN tag in the data, no IP options, linear.
 * PARSED_NOT_OURS is the path of every packet that is none of our business.
 */
static __always_inline enum parsed parse(struct __sk_buff *skb, __u32 l2, struct packet *p)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__be16 protocol = (__be16)skb->protocol;
	const struct tcp_header *tcp;

	if (l2 && data + ETH_HLEN <= end)
		protocol = *(__be16 *)(data + ETH_HLEN - sizeof(protocol));
	if (protocol == bpf_htons(ETH_P_IP)) {
		const struct ipv4_header *ip = data + l2;

		tcp = (void *)(ip + 1);
		if ((void *)(ip + 1) <= end && ip->protocol != IPPROTO_TCP)
			return PARSED_NOT_OURS;
		if ((void *)(tcp + 1) > end || ip->version_ihl != 0x45 ||
		    ip->fragment & bpf_htons(IP_FRAGMENT_OFFSET | IP_MORE_FRAGMENTS))
			return parse_slowly(skb, l2, p);

		__u16 source = bpf_ntohs(tcp->source), destination = bpf_ntohs(tcp->destination);

		if (!is_service_port(source) && !is_service_port(destination))
			return PARSED_NOT_OURS;
		set_ipv4_flow(p, ip, source, destination);
		return set_tcp(p, tcp, l2 + sizeof(*ip),
			       end_of(l2, ip->total_length, 0, skb->len), skb->len)
			       ? PARSED_OURS
			       : PARSED_NOT_OURS;
	}
	if (protocol == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6_header *ip = data + l2;

		tcp = (void *)(ip + 1);
		if ((void *)(ip + 1) <= end && ip->next_header != IPPROTO_TCP &&
		    !is_extension(ip->next_header))
			return PARSED_NOT_OURS;
		if ((void *)(tcp + 1) > end || ip->next_header != IPPROTO_TCP)
			return parse_slowly(skb, l2, p);

		__u16 source = bpf_ntohs(tcp->source), destination = bpf_ntohs(tcp->destination);

		if (!is_service_port(source) && !is_service_port(destination))
			return PARSED_NOT_OURS;
		set_ipv6_flow(p, ip, source, destination);
		return set_tcp(p, tcp, l2 + sizeof(*ip),
			       end_of(l2, ip->payload_length, sizeof(*ip), skb->len), skb->len)
			       ? PARSED_OURS
			       : PARSED_NOT_OURS;
	}
	if (protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD))
		return parse_slowly(skb, l2, p);
	return PARSED_NOT_OURS;
}

#endif
