import { expect, test } from "bun:test"
import { createSocket, type RemoteInfo, type Socket } from "node:dgram"
import { closeSync } from "node:fs"
import { freePort } from "../../test/fixtures/free-port.ts"
import { holdPort } from "../linux/hold-port.ts"
import { Reactor } from "../linux/reactor.ts"
import { DatagramRelay } from "./datagram-relay.ts"

async function bound(
  family: "udp4" | "udp6",
  port: number,
  heard: (bytes: Buffer, from: RemoteInfo) => void,
): Promise<Socket> {
  const socket = createSocket(family, heard)
  await new Promise<void>((resolve) => socket.bind(port, family === "udp4" ? "127.0.0.1" : "::1", resolve))
  return socket
}

test("clients are kept apart, and a server that comes late is found by the client that keeps asking", async () => {
  using reactor = new Reactor()
  const port = await freePort()
  const held = holdPort("udp", "::", port)!
  const relay = new DatagramRelay(reactor, held, 6, { address: "127.0.0.1", port })
  const clients = await Promise.all(
    ["one", "two"].map(async (name) => {
      const heard: string[] = []
      const socket = await bound("udp6", 0, (bytes, { address }) => heard.push(`${bytes} ${address}`))
      return { name, heard, socket }
    }),
  )
  const early = clients[0]!
  // Nobody listens yet; it may be passed on a moment later.
  early.socket.send("early", port, "::1")
  const senders = new Set<number>()
  const server = await bound("udp4", port, (bytes, from) => {
    senders.add(from.port)
    server.send(`to ${bytes}`, from.port, from.address)
  })
  while (clients.some(({ heard }) => heard.length < 3)) {
    for (const { name, socket } of clients) socket.send(name, port, "::1")
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  for (const { name, heard, socket } of clients) {
    expect(new Set(heard.filter((text) => !text.includes("early")))).toEqual(new Set([`to ${name} ::1`]))
    socket.close()
  }
  expect(senders.size).toBe(2)
  relay[Symbol.dispose]()
  closeSync(held)
  server.close()
})
