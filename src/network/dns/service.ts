import { readFileSync } from "node:fs"
import { messageOf } from "../../errors/failure.ts"
import { Reactor } from "../../linux/reactor.ts"
import type { ResolverSockets } from "../../linux/resolver-sockets.ts"
import type { Endpoint, Sandbox } from "../contract.ts"
import { nameserversOf } from "../files.ts"
import { resolverAddress } from "../namespaces.ts"
import { answer, failedAnswer, isCut, questionOf, refusalOf, reversedAddress, tellsFailure, types } from "./message.ts"
import { addressesIn, NameTable } from "./names.ts"
import { ResolverServer } from "./server.ts"
import { askOverTcp, askOverUdp } from "./upstream.ts"

const port = 53
/** Questions under way to name servers outside at once, at most; what comes beyond is answered SERVFAIL. */
const mostQuestions = 1024

export interface NameServiceOptions {
  readonly sandbox: (containerId: string) => Sandbox | undefined
  /** Whether names are resolved in the endpoint's network. */
  readonly isOfUser: (endpoint: Endpoint) => boolean
  /** Whether the outside may be asked on behalf of the endpoint's container. */
  readonly leadsOut: (endpoint: Endpoint) => boolean
  /** The host's resolver configuration, read anew for every question. */
  readonly resolvConf: string
  readonly log: (message: string) => void
}

/**
 * Answers containers' questions for names on sockets inside their namespaces: containers of their networks by this table,
 * everything else by the name servers that the host (or `--dns`) names, asked from the host, so that one on the host's loopback
 * serves too.
 */
export class NameService implements Disposable {
  readonly #options: NameServiceOptions
  readonly #table = new NameTable()
  readonly #known = new Map<string, Endpoint>()
  readonly #servers = new Map<string, ResolverServer>()
  readonly #pending = new Set<() => void>()
  #reactor: Reactor | undefined

  constructor(options: NameServiceOptions) {
    this.#options = options
  }

  /** Endpoints that can be found from now on, by the names they have now. */
  learn(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      if (!this.#options.isOfUser(endpoint) || this.#known.get(endpoint.id) === endpoint) continue
      this.forget([endpoint])
      this.#known.set(endpoint.id, endpoint)
      this.#table.add(endpoint)
    }
  }

  forget(endpoints: readonly Endpoint[]): void {
    for (const { id } of endpoints) {
      const known = this.#known.get(id)
      if (!known) continue
      this.#known.delete(id)
      this.#table.delete(known)
    }
  }

  /**
   * Answers on a container's sockets, which are this object's from now on; those that it has already are kept instead.
   * @returns whether the new ones are used
   */
  serve(containerId: string, sockets: ResolverSockets): boolean {
    if (this.#servers.has(containerId)) {
      sockets[Symbol.dispose]()
      return false
    }
    this.#reactor ??= new Reactor()
    const server = new ResolverServer(this.#reactor, sockets, (question, overUdp) =>
      this.#answer(containerId, question, overUdp),
    )
    this.#servers.set(containerId, server)
    return true
  }

  serves(containerId: string): boolean {
    return this.#servers.has(containerId)
  }

  stop(containerId: string): void {
    this.#servers.get(containerId)?.[Symbol.dispose]()
    this.#servers.delete(containerId)
  }

  [Symbol.dispose](): void {
    for (const containerId of [...this.#servers.keys()]) this.stop(containerId)
    for (const cancel of [...this.#pending]) cancel()
    this.#reactor?.[Symbol.dispose]()
    this.#reactor = undefined
  }

  #answer(containerId: string, message: Buffer, overUdp: boolean): Buffer | Promise<Buffer> | undefined {
    const sandbox = this.#options.sandbox(containerId)
    const question = questionOf(message)
    if (!sandbox) return undefined
    if (!question) return refusalOf(message)
    const own = sandbox.endpoints.filter(this.#options.isOfUser)
    if (question.type === types.ptr) {
      const address = reversedAddress(question.name)
      const holder = address === undefined ? undefined : this.#table.holder(own, address)
      if (holder) return answer(message, question, `${holder.names[0] ?? ""}.${holder.network}`, overUdp)
    }
    const found = this.#table.find(own, question.name)
    if (found) {
      const addresses = shuffled(found.flatMap(addressesIn)).filter(
        ({ family }) => question.type === types.any || question.type === (family === 4 ? types.a : types.aaaa),
      )
      return answer(message, question, addresses, overUdp)
    }
    const asks = sandbox.endpoints.some(this.#options.leadsOut) && this.#pending.size < mostQuestions
    return asks ? this.#forward(sandbox, message, overUdp) : failedAnswer(message)
  }

  async #forward(sandbox: Sandbox, message: Buffer, overUdp: boolean): Promise<Buffer> {
    let refused: Buffer | undefined
    try {
      for (const upstream of this.#upstreams(sandbox)) {
        const whole = overUdp ? undefined : await askOverTcp(upstream, message, port)
        // Where a name server, or what is before it, takes no TCP, an answer over UDP serves too if it is whole.
        const short = whole ? undefined : await askOverUdp(upstream, message, { port, pending: this.#pending })
        const answered = whole ?? (short && (overUdp || !isCut(short)) ? short : undefined)
        if (answered && !tellsFailure(answered)) return answered
        refused ??= answered
      }
    } catch (error) {
      this.#options.log(`a question for a name could not be passed on: ${messageOf(error)}`)
    }
    return refused ?? failedAnswer(message)
  }

  #upstreams({ nameservers }: Sandbox): readonly string[] {
    // This very service is no help where it does not know more.
    if (nameservers.length > 0) return nameservers.filter((address) => address !== resolverAddress)
    let text = ""
    try {
      text = readFileSync(this.#options.resolvConf, "utf8")
    } catch {
      // resolv.conf(5): without a nameserver line the name server is on the local machine.
    }
    const servers = nameserversOf(text)
    return servers.length > 0 ? servers : ["127.0.0.1"]
  }
}

/** Several containers of one name share what comes. */
function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items]
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1))
    const item = result[index]!
    result[index] = result[other]!
    result[other] = item
  }
  return result
}
