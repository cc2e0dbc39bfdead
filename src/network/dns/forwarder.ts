import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram"
import { createServer, type Server, type Socket } from "node:net"
import { failedAnswer, headerLength } from "./message.ts"
import { askOverUdp, dial, patience } from "./upstream.ts"

const port = 53
/** Questions and connections under way at once, at most; what comes beyond is answered SERVFAIL, or closed. */
const mostQuestions = 512
const mostConnections = 128

/**
 * Passes questions of containers on to name servers that only the host itself can reach (a local cache on 127.0.0.53). It
 * changes nothing in questions and answers. Each question goes out from a port of its own, so that answers are hard to forge.
 */
export class DnsForwarder implements AsyncDisposable {
  readonly #udp: UdpSocket
  readonly #tcp: Server
  readonly #connections = new Set<Socket>()
  readonly #upstreams: () => readonly string[]
  readonly #upstreamPort: number
  readonly #questions = new Set<() => void>()

  private constructor(udp: UdpSocket, tcp: Server, upstreams: () => readonly string[], upstreamPort: number) {
    this.#udp = udp
    this.#tcp = tcp
    this.#upstreams = upstreams
    this.#upstreamPort = upstreamPort
  }

  /**
   * Listens on UDP and TCP port 53 of `address`.
   * @param upstreams asked anew for every question, tried in order
   * @throws the error of listening; EADDRINUSE when another resolver serves every address of the host
   */
  static async listen(
    address: string,
    upstreams: () => readonly string[],
    ports: { readonly own?: number; readonly upstream?: number } = {},
  ): Promise<DnsForwarder> {
    const own = ports.own ?? port
    const udp = createSocket("udp4")
    await new Promise<void>((resolve, reject) => {
      udp.once("error", reject)
      udp.bind(own, address, resolve)
    })
    const tcp = createServer({ allowHalfOpen: true })
    try {
      await new Promise<void>((resolve, reject) => {
        tcp.once("error", reject)
        tcp.listen(udp.address().port, address, resolve)
      })
    } catch (error) {
      udp.close()
      throw error
    }
    const forwarder = new DnsForwarder(udp, tcp, upstreams, ports.upstream ?? port)
    udp.removeAllListeners("error")
    udp.on("error", () => {})
    udp.on("message", (question, from) => void forwarder.#answer(question, from))
    tcp.on("error", () => {})
    tcp.on("connection", (client) => void forwarder.#relay(client))
    udp.unref()
    tcp.unref()
    return forwarder
  }

  /** The port it listens on. */
  get port(): number {
    return this.#udp.address().port
  }

  async #answer(question: Buffer, from: RemoteInfo): Promise<void> {
    if (question.length < headerLength) return
    const send = (answer: Buffer) => this.#udp.send(answer, from.port, from.address, () => {})
    if (this.#questions.size >= mostQuestions) return send(failedAnswer(question))
    for (const upstream of this.#upstreams()) {
      const answer = await askOverUdp(upstream, question, { port: this.#upstreamPort, pending: this.#questions })
      if (answer) return send(answer)
    }
    send(failedAnswer(question))
  }

  /** Joins a client to the first name server that accepts a connection. */
  async #relay(client: Socket): Promise<void> {
    client.on("error", () => client.destroy())
    if (this.#connections.size >= mostConnections) {
      client.destroy()
      return
    }
    this.#connections.add(client)
    client.once("close", () => this.#connections.delete(client))
    client.pause()
    for (const upstream of this.#upstreams()) {
      const server = await dial(upstream, this.#upstreamPort)
      if (!server) continue
      if (client.destroyed) {
        server.destroy()
        return
      }
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        one.setTimeout(4 * patience, () => one.destroy())
        one.once("close", () => other.destroy())
        one.pipe(other)
      }
      return
    }
    client.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cancel of [...this.#questions]) cancel()
    for (const client of this.#connections) client.destroy()
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()))
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()))
  }
}
