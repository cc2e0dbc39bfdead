import { listAddresses } from "../linux/addresses.ts"
import { forgetUdpFlows } from "../linux/conntrack.ts"
import { NetlinkSocket } from "../linux/netlink.ts"
import type { Forwarding } from "./rules.ts"

/**
 * UDP has no end of a connection by which the kernel would know that a flow is over: a client that keeps sending from
 * one port stays with what was true when it began. So flows to the host are forgotten when a port is published, and flows to the container
 * when it is withdrawn.
 */

/** Forgets flows that reached, or failed to reach, the host itself on ports that are published now. */
export function forgetBeforePublishing(route: NetlinkSocket, forwardings: readonly Forwarding[]): void {
  const udp = forwardings.filter(({ protocol }) => protocol === "udp")
  if (udp.length === 0) return
  const own = new Set(listAddresses(route).map(({ address }) => address))
  using socket = NetlinkSocket.open("netfilter")
  for (const { hostPort, containerIp } of udp)
    forgetUdpFlows(
      socket,
      hostPort,
      ({ destination, answeredBy }) =>
        (own.has(destination) || destination.startsWith("127.")) && answeredBy !== containerIp,
    )
}

/** Forgets flows that a container answered on ports that are no longer its own. */
export function forgetAfterWithdrawal(forwardings: readonly Forwarding[]): void {
  const udp = forwardings.filter(({ protocol }) => protocol === "udp")
  if (udp.length === 0) return
  using socket = NetlinkSocket.open("netfilter")
  for (const { hostPort, containerIp } of udp)
    forgetUdpFlows(socket, hostPort, ({ answeredBy }) => answeredBy === containerIp)
}
