import { expect, test } from "bun:test"
import { attribute, attributesOf, nested, text, textOf, u16, u32 } from "./netlink-attributes.ts"

test("attributes are padded to four bytes and read back, nested ones too", () => {
  const buffer = Buffer.concat([
    attribute(3, text("eth0")),
    nested(18, attribute(1, text("veth")), attribute(2, u16(7))),
    attribute(10, u32(0xffffffff)),
  ])
  expect(buffer.length % 4).toBe(0)
  const found = attributesOf(buffer)
  expect(textOf(found.get(3)!)).toBe("eth0")
  const inner = attributesOf(found.get(18)!)
  expect(textOf(inner.get(1)!)).toBe("veth")
  expect(inner.get(2)!.readUInt16LE(0)).toBe(7)
  expect(found.get(10)!.readUInt32LE(0)).toBe(0xffffffff)
})

test("a length that lies beyond the buffer ends the reading", () => {
  const buffer = attribute(1, u32(1))
  buffer.writeUInt16LE(200, 0)
  expect(attributesOf(buffer).size).toBe(0)
})
