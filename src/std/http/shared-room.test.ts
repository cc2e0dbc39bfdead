import { expect, test } from "bun:test"
import { connect, type Socket } from "node:net"
import { eventually } from "../../../test/fixtures/eventually.ts"
import { parseEndpoint } from "./endpoint.ts"
import { openListeners } from "./listener.ts"
import { HttpServer } from "./server.ts"
import { SharedRoom } from "./shared-room.ts"

function guests(room: SharedRoom, names: string) {
  const told: string[] = []
  for (const name of names) {
    room.enter({ hold: () => void told.push(`${name} held`), go: () => void told.push(`${name} goes`) })
  }
  return told
}

test("senders are held while the room is used up, and go on in order as bytes are given back", () => {
  const room = new SharedRoom(100)
  const told = guests(room, "ab")
  room.take(99)
  expect(told).toEqual([])
  room.take(20)
  expect(told.splice(0)).toEqual(["a held", "b held"])
  room.give(10)
  expect(told).toEqual([])
  room.give(30)
  expect(told.splice(0)).toEqual(["a goes"])
  room.give(1)
  expect(told).toEqual(["b goes"])
})

test("with half of the room free every sender goes on: one that sends nothing keeps nobody back", () => {
  const room = new SharedRoom(100)
  const told = guests(room, "abc")
  room.take(100)
  room.give(60)
  expect(told.slice(3)).toEqual(["a goes", "b goes", "c goes"])
})

test("a sender that comes while the room is used up is held at once", () => {
  const room = new SharedRoom(10)
  room.take(10)
  expect(guests(room, "a")).toEqual(["a held"])
})

const read = 512 << 10

test("a server holds no more of all bodies than its room and one read of each client, and loses none of them", async () => {
  const room = new SharedRoom(1 << 20)
  const clients = 24
  const bytes = 4 << 20
  const reading = Promise.withResolvers<void>()
  const sizes: number[] = []
  let arrived = 0
  let most = 0
  const accepted: Socket[] = []
  await using server = new HttpServer(
    async (request, response) => {
      arrived++
      await reading.promise
      let size = 0
      for await (const chunk of request.body) {
        most = Math.max(most, room.used)
        size += chunk.length
      }
      sizes.push(size)
      response.send(200, {}, "")
    },
    { bodyRoom: room },
  )
  const [listener] = await openListeners(parseEndpoint("tcp://127.0.0.1:0", { path: "", tls: false }), {
    accept: (socket, peer) => {
      accepted.push(socket)
      server.accept(socket, peer)
    },
  })
  await using _listening = listener!
  const port = Number(/:(\d+)$/.exec(listener!.address)![1])
  const answers = Array.from(
    { length: clients },
    () =>
      new Promise<string>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`)
          socket.write(Buffer.alloc(bytes))
        })
        let text = ""
        socket.on("data", (chunk) => (text += chunk))
        socket.on("close", () => resolve(text))
      }),
  )
  await eventually(async () => arrived === clients, "every head has come")
  // The sockets' own buffers count too: a stream that is paused must not go on filling up.
  const inMemory = () => accepted.reduce((sum, socket) => sum + socket.readableLength, room.used)
  expect(inMemory()).toBeLessThanOrEqual((1 << 20) + clients * read)
  reading.resolve()
  for (const answer of await Promise.all(answers)) expect(answer).toStartWith("HTTP/1.1 200")
  expect(sizes).toEqual(Array.from({ length: clients }, () => bytes))
  expect(most).toBeLessThanOrEqual((1 << 20) + clients * read)
  expect(room.used).toBe(0)
})

test("what a client that broke off, or a handler that did not read, has left is given back", async () => {
  const room = new SharedRoom(1 << 20)
  await using server = new HttpServer((_request, response) => response.send(403, {}, ""), { bodyRoom: room })
  const [listener] = await openListeners(parseEndpoint("tcp://127.0.0.1:0", { path: "", tls: false }), {
    accept: server.accept,
  })
  await using _listening = listener!
  const port = Number(/:(\d+)$/.exec(listener!.address)![1])
  for (const sent of [5, 100_000]) {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n${"x".repeat(sent)}`)
    })
    await new Promise<void>((resolve) => socket.once("data", () => resolve()))
    socket.destroy()
  }
  await eventually(async () => server.connections === 0, "the clients are gone")
  expect(room.used).toBe(0)
})
