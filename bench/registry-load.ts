import { createHash } from "node:crypto"
import { connect, type Socket } from "node:net"

/**
 * A load of its own process: `registry-load HOST PORT push|pull CLIENTS BLOBS BYTES SEED`. Pushes, or pulls, so many blobs of so many
 * bytes over so many connections, in plain sockets that cost little themselves. Prints the seconds it took.
 */
const [host, port, what, clients, blobs, bytes, seed] = process.argv.slice(2)
const size = Number(bytes)
const body = Buffer.alloc(size, randomOf(seed!))

function randomOf(text: string): Buffer {
  const block = createHash("sha512").update(text).digest()
  return Buffer.concat(
    Array.from({ length: 1024 }, (_, index) => createHash("sha512").update(block).update(String(index)).digest()),
  )
}

/** Blob number `index`: the common bytes behind a head of its own. */
const headOf = (index: number): Buffer => Buffer.from(`${seed}-${index}`.padEnd(64, " "))

function digestOf(index: number): string {
  return `sha256:${createHash("sha256").update(headOf(index)).update(body.subarray(64)).digest("hex")}`
}

/** One connection: requests one after the other. */
class Client {
  readonly #socket: Socket
  #wanted:
    | { head: Buffer | undefined; left: number; done: (head: string) => void; failed: (error: Error) => void }
    | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on("data", (chunk: Buffer) => this.#take(chunk))
    socket.on("error", (error) => this.#wanted?.failed(error))
    socket.on("close", () => this.#wanted?.failed(new Error("the connection was closed")))
  }

  static open(): Promise<Client> {
    return new Promise((done, failed) => {
      const socket = connect({ host: host!, port: Number(port) }, () => done(new Client(socket)))
      socket.on("error", failed)
    })
  }

  async ask(head: string, ...parts: Buffer[]): Promise<string> {
    const answer = new Promise<string>((done, failed) => {
      this.#wanted = { head: Buffer.alloc(0), left: 0, done, failed }
    })
    this.#socket.write(head)
    for (const part of parts) {
      for (let at = 0; at < part.length; at += 1 << 20) {
        if (!this.#socket.write(part.subarray(at, at + (1 << 20)))) {
          await new Promise((done) => this.#socket.once("drain", done))
        }
      }
    }
    return await answer
  }

  #take(chunk: Buffer): void {
    const wanted = this.#wanted!
    if (wanted.head) {
      wanted.head = Buffer.concat([wanted.head, chunk])
      const end = wanted.head.indexOf("\r\n\r\n")
      if (end < 0) return
      const text = wanted.head.toString("latin1", 0, end)
      this.#text = text
      wanted.left = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0) - (wanted.head.length - end - 4)
      wanted.head = undefined
    } else wanted.left -= chunk.length
    if (wanted.left <= 0) wanted.done(this.#text)
  }

  #text = ""

  close(): void {
    this.#wanted = undefined
    this.#socket.destroy()
  }
}

const digests = Array.from({ length: Number(blobs) }, (_, index) => digestOf(index))
let next = 0

async function work(): Promise<void> {
  const client = await Client.open()
  for (let index = next++; index < digests.length; index = next++) {
    const digest = digests[index]!
    if (what === "pull") {
      const head = await client.ask(`GET /v2/bench/blobs/${digest} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`)
      if (!head.startsWith("HTTP/1.1 200")) throw new Error(head)
      continue
    }
    const begun = await client.ask(
      `POST /v2/bench/blobs/uploads/ HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Length: 0\r\n\r\n`,
    )
    const location = /^location: *(?:https?:\/\/[^/]+)?(\S+)/im.exec(begun)?.[1]
    if (!location) throw new Error(begun)
    const put = await client.ask(
      `PUT ${location}${location.includes("?") ? "&" : "?"}digest=${digest} HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${size}\r\n\r\n`,
      headOf(index),
      body.subarray(64),
    )
    if (!put.startsWith("HTTP/1.1 201")) throw new Error(put)
  }
  client.close()
}

const began = performance.now()
await Promise.all(Array.from({ length: Number(clients) }, work))
console.log((performance.now() - began) / 1000)
