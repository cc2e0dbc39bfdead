import { expect, test } from "bun:test"
import { createSocket } from "node:dgram"
import { connect, createServer } from "node:net"
import { freePort } from "../../../test/fixtures/free-port.ts"
import { DnsForwarder } from "./forwarder.ts"

const question = Buffer.from("abcd01000001000000000000", "hex")

/** A name server on UDP and TCP of one port of 127.0.0.1 that answers with the question and a mark. */
async function upstream() {
  const port = await freePort()
  const udp = createSocket("udp4")
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve))
  udp.on("message", (message, from) => {
    udp.send(Buffer.concat([message, Buffer.from("udp")]), from.port, from.address)
  })
  const tcp = createServer((socket) => socket.on("data", (chunk) => socket.end(`${chunk}tcp`)))
  await new Promise<void>((resolve) => tcp.listen(port, "127.0.0.1", resolve))
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => udp.close(() => resolve()))
      await new Promise((resolve) => tcp.close(resolve))
    },
  }
}

async function askUdp(port: number): Promise<Buffer> {
  const socket = createSocket("udp4")
  try {
    return await new Promise((resolve) => {
      socket.once("message", resolve)
      socket.send(question, port, "127.0.0.1")
    })
  } finally {
    socket.close()
  }
}

test("questions over UDP and TCP reach the first name server that answers", async () => {
  await using server = await upstream()
  // Nobody listens on 127.0.0.2 of that port, so the second name server is asked.
  await using forwarder = await DnsForwarder.listen("127.0.0.1", () => ["127.0.0.2", "127.0.0.1"], {
    own: await freePort(),
    upstream: server.port,
  })
  expect((await askUdp(forwarder.port)).subarray(12).toString()).toBe("udp")
  const answers = await Promise.all(Array.from({ length: 50 }, () => askUdp(forwarder.port)))
  expect(answers.every((answer) => answer.subarray(12).toString() === "udp")).toBe(true)

  const text = await new Promise<string>((resolve, reject) => {
    let received = ""
    const socket = connect(forwarder.port, "127.0.0.1", () => socket.write("over "))
    socket.on("data", (chunk) => {
      received += chunk.toString()
    })
    socket.on("error", reject)
    socket.on("close", () => resolve(received))
  })
  expect(text).toBe("over tcp")
})

test("without a name server the answer says that the server failed, with the question's number", async () => {
  await using forwarder = await DnsForwarder.listen("127.0.0.1", () => [], { own: await freePort() })
  const answer = await askUdp(forwarder.port)
  expect(answer.readUInt16BE(0)).toBe(0xabcd)
  expect(answer[2]! & 0x80).toBe(0x80)
  expect(answer[3]! & 0x0f).toBe(2)
})
