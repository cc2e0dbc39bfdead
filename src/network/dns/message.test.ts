import { expect, test } from "bun:test"
import { addressOf } from "../../std/ip.ts"
import { answer, questionOf, reversedAddress, types } from "./message.ts"

/** A question as a resolver sends it. */
function question(name: string, type: number, udpSize?: number): Buffer {
  const labels = name.split(".").flatMap((label) => [Buffer.of(label.length), Buffer.from(label)])
  const tail = Buffer.of(0, 0, type, 0, 1)
  const head = Buffer.from("beef01000001000000000000", "hex")
  if (udpSize === undefined) return Buffer.concat([head, ...labels, tail])
  head[11] = 1
  return Buffer.concat([
    head,
    ...labels,
    tail,
    Buffer.of(0, 0, types.opt, udpSize >> 8, udpSize & 255, 0, 0, 0, 0, 0, 0),
  ])
}

const addresses = (count: number) => Array.from({ length: count }, (_, index) => addressOf(`10.0.0.${index}`)!)

test("a question is read in lower case, a damaged one is none", () => {
  expect(questionOf(question("Web.Front", types.a))).toMatchObject({ name: "web.front", type: 1, udpSize: 512 })
  expect(questionOf(question("web", types.aaaa, 4096))).toMatchObject({ udpSize: 4096, extended: true })
  const whole = question("web", types.a)
  for (let length = 0; length < whole.length; length++) expect(questionOf(whole.subarray(0, length))).toBeUndefined()
})

test("an answer has the question's number and every address; with none the name still exists", () => {
  const message = question("web", types.a)
  const asked = questionOf(message)!
  const two = answer(message, asked, addresses(2), true)
  expect([two.readUInt16BE(0), two[2]! & 0x80, two[3]! & 15, two.readUInt16BE(6)]).toEqual([0xbeef, 0x80, 0, 2])
  expect(two.subarray(-4)).toEqual(Buffer.of(10, 0, 0, 1))
  expect(answer(message, asked, [], true).readUInt16BE(6)).toBe(0)
})

test("what is too long for a datagram is cut, so that the client asks over TCP, where it comes whole", () => {
  const message = question("web", types.a)
  const asked = questionOf(message)!
  const cut = answer(message, asked, addresses(100), true)
  expect([cut.length <= 512, cut[2]! & 2, cut.readUInt16BE(6)]).toEqual([true, 2, 0])
  expect(answer(message, asked, addresses(100), false).readUInt16BE(6)).toBe(100)
  const large = question("web", types.a, 4096)
  expect(answer(large, questionOf(large)!, addresses(100), true).readUInt16BE(6)).toBe(100)
})

test("reverse names of both families are read", () => {
  expect(reversedAddress("9.0.17.172.in-addr.arpa")).toBe("172.17.0.9")
  const digits = "fd00000000000000000000000000000a".split("").reverse().join(".")
  expect(addressOf(reversedAddress(`${digits}.ip6.arpa`)!)).toEqual(addressOf("fd00::a")!)
  expect(reversedAddress("example.org")).toBeUndefined()
})
