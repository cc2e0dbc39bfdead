import { closeSync, readFileSync } from "node:fs"
import { Failure } from "../errors/failure.ts"
import { holdPort } from "../linux/hold-port.ts"
import { SystemError } from "../linux/libc.ts"
import { addressOf, formatAddress } from "../std/ip.ts"
import type { BoundPort, PortBinding } from "./contract.ts"

interface Held {
  readonly holder: string
  readonly hostIp: string
  readonly descriptor: number | undefined
}

/** Every address of a family. */
const everyAddress = { 4: "0.0.0.0", 6: "::" } as const

/** A binding with the addresses that it means. */
interface Wish {
  readonly binding: PortBinding
  readonly hostIps: readonly string[]
}

/**
 * The host's ports that containers have. Each is held by a bound socket that does not listen: traffic does not reach it
 * where the kernel forwards before, but no program of the host can take the port meanwhile, as none could take one that
 * somebody listens on. The sockets go with the process; {@link restore} holds the ports again after a restart.
 */
export class Ports {
  /** By `PROTOCOL/PORT`. */
  readonly #held = new Map<string, Held[]>()
  readonly #range: readonly [number, number]
  readonly #shared: boolean
  #next: number

  /** @param shared a relay of this process listens beside what is held, on IPv4 too */
  constructor(shared = false, range: readonly [number, number] = ephemeralRange()) {
    this.#shared = shared
    this.#range = range
    this.#next = range[0]
  }

  /**
   * Takes every port of `bindings` for `holder`, or none. A binding with a range gets the first free port of it, one
   * with port 0 an ephemeral port; one without an address gets the same port of both families.
   * @throws conflict with the text `Bind for ADDRESS:PORT failed: port is already allocated`, naming who has it
   */
  take(holder: string, bindings: readonly PortBinding[]): readonly BoundPort[] {
    const taken = new Map<PortBinding, readonly BoundPort[]>()
    try {
      for (const binding of pickiestFirst(bindings)) taken.set(binding, this.#takeOne(holder, wishOf(binding)))
    } catch (error) {
      this.release(holder, [...taken.values()].flat())
      throw error
    }
    return bindings.flatMap((binding) => taken.get(binding) ?? [])
  }

  /** Holds ports that a living container has had since an earlier life of the daemon; one that was lost meanwhile still counts as the container's. */
  restore(holder: string, ports: readonly BoundPort[]): void {
    for (const port of ports) {
      if (port.hostPort === 0) continue
      try {
        this.#hold(holder, port, port.hostPort)
      } catch {
        this.#remember(holder, port, port.hostPort, undefined)
      }
    }
  }

  /** Gives ports back. Those that `holder` does not have are left alone. */
  release(holder: string, ports: readonly BoundPort[]): void {
    for (const { protocol, hostIp, hostPort } of ports) {
      const key = `${protocol}/${hostPort}`
      const entries = this.#held.get(key) ?? []
      const own = entries.find((held) => held.holder === holder && held.hostIp === hostIp)
      if (!own) continue
      if (own.descriptor !== undefined) closeSync(own.descriptor)
      const rest = entries.filter((held) => held !== own)
      if (rest.length > 0) this.#held.set(key, rest)
      else this.#held.delete(key)
    }
  }

  /** The bound socket that holds a port, if it is held by one. */
  descriptor(holder: string, { protocol, hostIp, hostPort }: BoundPort): number | undefined {
    return this.#held.get(`${protocol}/${hostPort}`)?.find((held) => held.holder === holder && held.hostIp === hostIp)
      ?.descriptor
  }

  /** Releases every socket; for the end of the process. */
  close(): void {
    for (const entries of this.#held.values())
      for (const { descriptor } of entries) if (descriptor !== undefined) closeSync(descriptor)
    this.#held.clear()
  }

  #takeOne(holder: string, wish: Wish): readonly BoundPort[] {
    const { binding } = wish
    if (binding.hostPort === 0) return this.#takeEphemeral(holder, wish)
    const last = Math.max(binding.hostPort, binding.hostPortEnd ?? 0)
    for (let port = binding.hostPort; ; port++) {
      try {
        return this.#holdAll(holder, wish, port)
      } catch (error) {
        if (port === last) throw error
      }
    }
  }

  #takeEphemeral(holder: string, wish: Wish): readonly BoundPort[] {
    const [first, last] = this.#range
    for (let step = first; step <= last; step++) {
      const port = this.#next
      this.#next = port === last ? first : port + 1
      try {
        return this.#holdAll(holder, wish, port)
      } catch (error) {
        if (!(error instanceof Failure && error.kind === "conflict")) throw error
      }
    }
    throw new Failure("internal", `Bind for ${wish.hostIps[0]}:0 failed: all ports are allocated`)
  }

  /** One port of every address of the wish. */
  #holdAll(holder: string, { binding, hostIps }: Wish, port: number): readonly BoundPort[] {
    const held: BoundPort[] = []
    try {
      for (const hostIp of hostIps) {
        const bound = this.#hold(holder, { ...binding, hostIp }, port)
        if (bound) held.push(bound)
      }
      return held
    } catch (error) {
      this.release(holder, held)
      throw error
    }
  }

  /** @returns undefined for every IPv6 address of a host that has no IPv6 */
  #hold(
    holder: string,
    binding: Pick<PortBinding, "protocol" | "containerPort" | "hostIp">,
    port: number,
  ): BoundPort | undefined {
    const { protocol, hostIp } = binding
    const every = everyAddress[hostIp.includes(":") ? 6 : 4]
    const other = this.#held
      .get(`${protocol}/${port}`)
      ?.find(
        (held) =>
          held.hostIp === hostIp || held.hostIp === every || (hostIp === every && sameFamily(held.hostIp, every)),
      )
    if (other) throw allocated(hostIp, port, `by container ${other.holder}; stop it or publish another port`)
    let descriptor: number | undefined
    try {
      descriptor = holdPort(protocol, hostIp, port, protocol === "tcp" && (this.#shared || hostIp.includes(":")))
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      if (error.code === "EADDRINUSE")
        throw allocated(hostIp, port, `by a program on this host; \`ss -lnp sport = :${port}\` shows which`, error)
      if (error.code === "EADDRNOTAVAIL" && hostIp === everyAddress[6]) return undefined
      if (error.code === "EADDRNOTAVAIL")
        throw new Failure(
          "invalidArgument",
          `failed to bind host port for ${inBrackets(hostIp)}:${port}: cannot assign requested address (the host has no such address; \`ip address\` shows its own)`,
          error,
        )
      throw error
    }
    if (descriptor === undefined && hostIp === everyAddress[6]) return undefined
    return this.#remember(holder, binding, port, descriptor)
  }

  #remember(
    holder: string,
    binding: Pick<PortBinding, "protocol" | "containerPort" | "hostIp">,
    port: number,
    descriptor: number | undefined,
  ): BoundPort {
    const { protocol, containerPort, hostIp } = binding
    const key = `${protocol}/${port}`
    this.#held.set(key, [...(this.#held.get(key) ?? []), { holder, hostIp, descriptor }])
    return { protocol, containerPort, hostIp, hostPort: port }
  }
}

/** Bindings in the order that they are taken in: one that can have any port must not take what another one needs. */
function pickiestFirst(bindings: readonly PortBinding[]): readonly PortBinding[] {
  const choice = ({ hostPort, hostPortEnd = 0 }: PortBinding) =>
    hostPort === 0 ? Number.POSITIVE_INFINITY : Math.max(0, hostPortEnd - hostPort)
  return bindings.toSorted((one, other) => (choice(one) === choice(other) ? 0 : choice(one) - choice(other)))
}

const sameFamily = (one: string, other: string): boolean => one.includes(":") === other.includes(":")

const inBrackets = (address: string): string => (address.includes(":") ? `[${address}]` : address)

const allocated = (address: string, port: number, by: string, cause?: unknown): Failure =>
  new Failure("conflict", `Bind for ${inBrackets(address)}:${port} failed: port is already allocated (${by})`, cause)

/** @throws invalidArgument for what is no address */
function wishOf(binding: PortBinding): Wish {
  if (binding.hostIp === "") return { binding, hostIps: [everyAddress[4], everyAddress[6]] }
  const address = addressOf(binding.hostIp)
  if (!address)
    throw new Failure(
      "invalidArgument",
      `cannot publish port ${binding.containerPort}/${binding.protocol} on ${binding.hostIp}: it is not an IP address`,
    )
  return { binding, hostIps: [formatAddress(address)] }
}

/** The kernel's own range for ports nobody chose, so that other choices of the administrator hold here too. */
function ephemeralRange(): readonly [number, number] {
  try {
    const match = /^(\d+)\s+(\d+)/.exec(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"))
    if (match) return [Number(match[1]), Number(match[2])]
  } catch {
    // Not readable: IANA's range below.
  }
  return [49153, 65535]
}
