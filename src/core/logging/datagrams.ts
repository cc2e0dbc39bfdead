import { createSocket, type Socket } from "node:dgram"
import { lookup } from "node:dns/promises"
import { closeSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { Failure } from "../../errors/failure.ts"
import { wouldBlock } from "../../linux/descriptor.ts"
import { connectUnixDatagram, sendNow } from "../../linux/unix-socket.ts"

/** Sends messages that either arrive whole or not at all. */
export interface Datagrams {
  send(message: Uint8Array): Promise<void>
  /** Idempotent. */
  close(): void
}

/** UDP to an address that is looked up once. @throws unavailable when the name is unknown */
export async function openUdp(host: string, port: number): Promise<Datagrams> {
  let found: { address: string; family: number }
  try {
    found = await lookup(host)
  } catch (error) {
    throw new Failure("unavailable", `dial udp: lookup ${host}: no such host`, error)
  }
  const socket: Socket = createSocket(found.family === 6 ? "udp6" : "udp4")
  // Nobody listening is told by ICMP, and is no reason to stop.
  socket.on("error", () => {})
  socket.unref()
  let open = true
  return {
    send: (message) =>
      new Promise((resolve, reject) =>
        socket.send(message, port, found.address, (error) => (error ? reject(error) : resolve())),
      ),
    close: () => {
      if (open) socket.close()
      open = false
    },
  }
}

/** A unix datagram socket, connected to `path`. @throws SystemError */
export function openUnixDatagrams(path: string): Datagrams {
  let descriptor = connectUnixDatagram(path)
  return {
    async send(message) {
      // The receiver's queue is short; it empties as fast as the receiver reads.
      for (let attempt = 0; descriptor < 0 || sendNow(descriptor, message) === wouldBlock; attempt++) {
        if (descriptor < 0 || attempt === 500) throw new Failure("unavailable", `nobody reads what is sent to ${path}`)
        await pause(2)
      }
    },
    close: () => {
      if (descriptor >= 0) closeSync(descriptor)
      descriptor = -1
    },
  }
}
