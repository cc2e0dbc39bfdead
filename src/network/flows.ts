import { listAddresses } from "../linux/addresses.ts"
import { forgetUdpFlows, type UdpFlow } from "../linux/conntrack.ts"
import { NetlinkSocket } from "../linux/netlink.ts"
import type { Forwarding } from "./rules.ts"

/**
 * UDP has no end of a connection by which the kernel would know that a flow is over: a client that keeps sending from
 * one port stays with what was true when it began. So flows to the host are forgotten when a port is published, and flows to the container
 * when it is withdrawn.
 */

const udpIpv4 = (forwardings: readonly Forwarding[]): readonly Forwarding[] =>
  forwardings.filter(({ protocol, containerIp }) => protocol === "udp" && !containerIp.includes(":"))

/** Runs `chosen` over the flows of a forwarding's ports: one port asked for alone, a range among all flows. */
function forgetFlowsTo(
  socket: NetlinkSocket,
  { hostPort, lastPort }: Forwarding,
  chosen: (flow: UdpFlow) => boolean,
): void {
  if (lastPort === undefined) forgetUdpFlows(socket, hostPort, chosen)
  else
    forgetUdpFlows(
      socket,
      undefined,
      (flow) => flow.destinationPort >= hostPort && flow.destinationPort <= lastPort && chosen(flow),
    )
}

/** Forgets flows that reached, or failed to reach, the host itself on ports that are published now. */
export function forgetBeforePublishing(route: NetlinkSocket, forwardings: readonly Forwarding[]): void {
  const udp = udpIpv4(forwardings)
  if (udp.length === 0) return
  const own = new Set(listAddresses(route).map(({ address }) => address))
  using socket = NetlinkSocket.open("netfilter")
  for (const forwarding of udp)
    forgetFlowsTo(
      socket,
      forwarding,
      ({ destination, answeredBy }) =>
        (own.has(destination) || destination.startsWith("127.")) && answeredBy !== forwarding.containerIp,
    )
}

/** Forgets flows that a container answered on ports that are no longer its own. */
export function forgetAfterWithdrawal(forwardings: readonly Forwarding[]): void {
  const udp = udpIpv4(forwardings)
  if (udp.length === 0) return
  using socket = NetlinkSocket.open("netfilter")
  for (const forwarding of udp)
    forgetFlowsTo(socket, forwarding, ({ answeredBy }) => answeredBy === forwarding.containerIp)
}
