import { readFileSync } from "node:fs"
import { messageOf } from "../errors/failure.ts"
import { DnsForwarder } from "./dns/forwarder.ts"
import { nameserversOf, reachableNameservers } from "./files.ts"
import type { Rules } from "./rules.ts"

/** Where systemd-resolved tells the name servers that it asks itself. */
const resolvedFile = "/run/systemd/resolve/resolv.conf"

/** Decides which name servers containers use; starts the forwarder when the host's can only be reached by the host. */
export class ContainerResolver implements AsyncDisposable {
  readonly #gateway: string | undefined
  readonly #rules: Rules
  readonly #log: (message: string) => void
  readonly #hostFile: string
  #forwarder: Promise<DnsForwarder | undefined> | undefined

  /** `hostFile` is the host's resolv.conf, read anew whenever it matters; `gateway` is the default bridge's. */
  constructor(gateway: string | undefined, rules: Rules, hostFile: string, log: (message: string) => void) {
    this.#hostFile = hostFile
    this.#gateway = gateway
    this.#rules = rules
    this.#log = log
  }

  /**
   * The host's name servers if containers can reach them, otherwise the gateway, and behind it those that
   * systemd-resolved names: they serve while the daemon, and with it the forwarder, restarts.
   */
  async nameservers(): Promise<readonly string[]> {
    const reachable = reachableNameservers(textOf(this.#hostFile))
    if (reachable.length > 0) return reachable
    const gateway = this.#gateway
    if (gateway === undefined) return reachableNameservers(textOf(resolvedFile)).slice(0, 3)
    this.#forwarder ??= this.#listen(gateway)
    await this.#forwarder
    return [gateway, ...reachableNameservers(textOf(resolvedFile))].slice(0, 3)
  }

  async #listen(gateway: string): Promise<DnsForwarder | undefined> {
    try {
      // resolv.conf(5): without a nameserver line the name server is on the local machine.
      const forwarder = await DnsForwarder.listen(gateway, () => {
        const servers = nameserversOf(textOf(this.#hostFile))
        return servers.length > 0 ? servers : ["127.0.0.1"]
      })
      for (const protocol of ["udp", "tcp"] as const) this.#rules.addService({ protocol, address: gateway, port: 53 })
      return forwarder
    } catch (error) {
      this.#log(
        `no resolver for containers on ${gateway}: ${messageOf(error)}; a resolver of the host may answer there`,
      )
      return undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#forwarder)?.[Symbol.asyncDispose]()
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}
