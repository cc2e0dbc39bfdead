/**
 * The constant part of a daemon's nftables table. `raw` guards the host's loopback, which route_localnet opens to the bridges;
 * `to_container` serves packets for any address of the host, 127.0.0.1 too (::1 and link-local addresses cannot be routed: see relay.ts);
 * `postrouting` gives an address that answers find back to in three cases: from the host's loopback, from a container to a
 * published port of its own network, and to the outside; `forward` lets in only answers, published ports, neighbours and linked containers.
 * An element of a range map keeps the port as it is. Range maps are asked by the protocol field of the packet: Linux 6.12
 * refuses `meta l4proto` in the key of a map with intervals. `fromInside`: others than this host and containers are left to
 * the host's own rules, and to a relay behind them.
 */
export const tableText = (table: string, fromInside: boolean): string => `
table inet ${table} {
  set bridges { type ifname; }
  set internal { type ifname; }
  set same { type ifname . ifname; }
  set home { type ifname . ipv4_addr; flags interval; }
  set home6 { type ifname . ipv6_addr; flags interval; }
  set hidden { type ipv4_addr; flags interval; }
  set hidden6 { type ipv6_addr; flags interval; }
  set open { type ipv4_addr; flags interval; }
  set open6 { type ipv6_addr; flags interval; }
  set pinged { type ipv4_addr; flags interval; }
  set pinged6 { type ipv6_addr; flags interval; }
  map disguise { type ipv4_addr : ipv4_addr; flags interval; }
  map disguise6 { type ipv6_addr : ipv6_addr; flags interval; }
  set services { type inet_proto . ipv4_addr . inet_service; }
  set routed { type inet_proto . ipv4_addr . inet_service; }
  set routed6 { type inet_proto . ipv6_addr . inet_service; }
  set linked { type inet_proto . ipv4_addr . ipv4_addr . inet_service; }
  map published { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
  map published6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }
  map published_any { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map published_any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
  map ranges { type inet_proto . ipv4_addr . inet_service : ipv4_addr; flags interval; }
  map ranges6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr; flags interval; }
  map ranges_any { type inet_proto . inet_service : ipv4_addr; flags interval; }
  map ranges_any6 { type inet_proto . inet_service : ipv6_addr; flags interval; }
  chain raw {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
    iifname @bridges ip saddr 127.0.0.0/8 drop
  }
  chain to_container {
    meta l4proto . ip daddr . th dport @services return
    dnat ip to meta l4proto . ip daddr . th dport map @published
    dnat ip to meta l4proto . th dport map @published_any
    dnat ip to ip protocol . ip daddr . th dport map @ranges
    dnat ip to ip protocol . th dport map @ranges_any
  }
  chain to_container6 {
    ip6 daddr { ::1, fe80::/10 } return
    dnat ip6 to meta l4proto . ip6 daddr . th dport map @published6
    dnat ip6 to meta l4proto . th dport map @published_any6
    dnat ip6 to ip6 nexthdr . ip6 daddr . th dport map @ranges6
    dnat ip6 to ip6 nexthdr . th dport map @ranges_any6
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname @internal return${fromInside ? "\n    iifname != @bridges return" : ""}
    meta nfproto ipv4 fib daddr type local jump to_container
    meta nfproto ipv6 fib daddr type local jump to_container6
  }
  chain output {
    type nat hook output priority -100; policy accept;
    meta nfproto ipv4 fib daddr type local jump to_container
    meta nfproto ipv6 fib daddr type local jump to_container6
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    ct status dnat oifname . ip saddr @home masquerade
    ct status dnat oifname . ip6 saddr @home6 masquerade
    oifname @bridges return
    snat ip to ip saddr map @disguise
    snat ip6 to ip6 saddr map @disguise6
    ip saddr @hidden masquerade
    ip6 saddr @hidden6 masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges accept
    iifname . oifname @same accept
    iifname @internal drop
    oifname @internal drop
    ct state established,related accept
    ct status dnat accept
    oifname != @bridges accept
    meta l4proto . ip saddr . ip daddr . th dport @linked accept
    meta l4proto . ip daddr . th dport @routed accept
    meta l4proto . ip6 daddr . th dport @routed6 accept
    ip daddr @pinged meta l4proto icmp accept
    ip6 daddr @pinged6 meta l4proto ipv6-icmp accept
    ip daddr @open accept
    ip6 daddr @open6 accept
    drop
  }
}`
