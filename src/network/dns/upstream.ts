import { createSocket } from "node:dgram"
import { connect, isIPv6, type Socket } from "node:net"
import { headerLength } from "./message.ts"

/** How long one name server may take, in milliseconds. */
export const patience = 2500

/**
 * Asks a name server over UDP, from a port of its own, so that answers are hard to forge.
 * @param pending gets a function that gives the question up, as long as it is under way
 * @returns undefined when the name server refused or was silent
 */
export function askOverUdp(
  upstream: string,
  question: Buffer,
  { port, pending }: { readonly port: number; readonly pending: Set<() => void> },
): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(upstream.replace(/%.*$/, "")) ? "udp6" : "udp4")
    const end = (answer?: Buffer) => {
      clearTimeout(timer)
      pending.delete(cancel)
      socket.close()
      resolve(answer)
    }
    const cancel = () => end()
    const timer = setTimeout(cancel, patience)
    pending.add(cancel)
    socket.once("error", cancel)
    socket.on("message", (answer) => {
      const matches = answer.length >= headerLength && answer.readUInt16BE(0) === question.readUInt16BE(0)
      if (matches) end(answer)
    })
    // A connected socket takes answers of that name server only, and learns at once when nobody listens there.
    socket.connect(port, upstream, () => socket.send(question))
  })
}

/** A connection to a name server, or undefined when it takes none. */
export function dial(address: string, upstreamPort: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: upstreamPort, allowHalfOpen: true })
    const timer = setTimeout(() => socket.destroy(), patience)
    socket.once("connect", () => {
      clearTimeout(timer)
      resolve(socket)
    })
    socket.on("error", () => socket.destroy())
    socket.once("close", () => {
      clearTimeout(timer)
      resolve(undefined)
    })
  })
}

/** Asks a name server over TCP (RFC 1035, section 4.2.2). @returns undefined when it gave no whole answer */
export async function askOverTcp(upstream: string, question: Buffer, port: number): Promise<Buffer | undefined> {
  const socket = await dial(upstream, port)
  if (!socket) return undefined
  return await new Promise((resolve) => {
    let received = Buffer.alloc(0)
    const timer = setTimeout(() => socket.destroy(), patience)
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      resolve(received.subarray(2, 2 + received.readUInt16BE(0)))
      socket.destroy()
    })
    socket.on("end", () => socket.destroy())
    socket.once("close", () => {
      clearTimeout(timer)
      resolve(undefined)
    })
    socket.write(framed(question))
  })
}

/** A message as it goes over TCP. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length, 0)
  return Buffer.concat([length, message])
}
