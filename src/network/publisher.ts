import { Failure, kindOf, messageOf } from "../errors/failure.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import type { BoundPort, Endpoint, PortBinding } from "./contract.ts"
import { forgetAfterWithdrawal, forgetBeforePublishing } from "./flows.ts"
import { setSysctl } from "./host-bridge.ts"
import { Ports } from "./ports.ts"
import type { Forwarding, Rules } from "./rules.ts"

/**
 * Published ports of one bridge, whole: the host's side is held, the kernel forwards, old flows are forgotten. An endpoint's
 * ports go through {@link take}, {@link open} and {@link close}; ports of an earlier life through {@link restore} and close.
 */
export class Publisher {
  readonly #ports = new Ports()
  readonly #rules: Rules
  readonly #socket: NetlinkSocket
  readonly #bridge: string
  #loopbackRouted = false

  constructor(bridge: string, rules: Rules, socket: NetlinkSocket) {
    this.#bridge = bridge
    this.#rules = rules
    this.#socket = socket
  }

  /** Takes ports of the host, all or none. @throws in Docker's words, of the kind that {@link Ports.take} tells */
  take(containerName: string, endpointId: string, bindings: readonly PortBinding[]): readonly BoundPort[] {
    try {
      return this.#ports.take(containerName, bindings)
    } catch (error) {
      throw new Failure(
        kindOf(error),
        `driver failed programming external connectivity on endpoint ${containerName} (${endpointId}): ${messageOf(error)}`,
        error,
      )
    }
  }

  /** Forwards ports that were taken. */
  open(ports: readonly BoundPort[], containerIp: string): void {
    const forwardings = forwardingsOf(ports, containerIp)
    this.#routeLoopback()
    this.#rules.publish(forwardings)
    forgetBeforePublishing(this.#socket, forwardings)
  }

  /** Takes over what an endpoint has had in an earlier life of the daemon. */
  restore(endpoint: Endpoint): void {
    if (endpoint.ports.length === 0) return
    this.#ports.restore(endpoint.containerName, endpoint.ports)
    this.#rules.publish(forwardingsOf(endpoint.ports, endpoint.ipv4))
    this.#routeLoopback()
  }

  /** Gives ports back, opened or only taken. The host's side is free even when the rules cannot be changed, which throws. */
  close(containerName: string, ports: readonly BoundPort[], containerIp: string | undefined): void {
    this.#ports.release(containerName, ports)
    if (containerIp === undefined || ports.length === 0) return
    const forwardings = forwardingsOf(ports, containerIp)
    this.#rules.withdraw(forwardings)
    forgetAfterWithdrawal(forwardings)
  }

  /** Lets go of the host's side of everything; forwarding goes on. For the end of the process. */
  releaseAll(): void {
    this.#ports.close()
  }

  /** Lets the host reach published ports at 127.0.0.1; the table's raw chain keeps containers off the host's loopback. */
  #routeLoopback(): void {
    if (this.#loopbackRouted) return
    this.#loopbackRouted = true
    setSysctl(`ipv4/conf/${this.#bridge}/route_localnet`, "1")
  }
}

const forwardingsOf = (ports: readonly BoundPort[], containerIp: string): readonly Forwarding[] =>
  ports.map((port) => ({ ...port, containerIp }))
