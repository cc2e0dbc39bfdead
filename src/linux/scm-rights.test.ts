import { expect, test } from "bun:test"
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { receiveDescriptors, sendDescriptors } from "./scm-rights.ts"
import { socketPair } from "./socket.ts"

function withPair(work: (left: number, right: number) => void): void {
  const [left, right] = socketPair()
  try {
    work(left, right)
  } finally {
    closeSync(left)
    closeSync(right)
  }
}

test("descriptors arrive with their message, in order, close-on-exec and readable", () => {
  const folder = mkdtempSync(join(tmpdir(), "barge-scm-"))
  try {
    withPair((left, right) => {
      const sent = ["one", "two", "three"].map((name) => {
        writeFileSync(join(folder, name), name)
        return openSync(join(folder, name), "r")
      })
      expect(sendDescriptors(left, Buffer.from("three files"), sent)).toBe(11)
      for (const descriptor of sent) closeSync(descriptor)
      const received = receiveDescriptors(right)!
      expect(received.bytes.toString()).toBe("three files")
      expect(received.truncated).toBe(false)
      const contents = received.descriptors.map((descriptor) => {
        expect(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8")).toMatch(/flags:\s+02\d{6}/)
        const buffer = Buffer.alloc(10)
        const length = readSync(descriptor, buffer, 0, 10, 0)
        closeSync(descriptor)
        return buffer.toString("utf8", 0, length)
      })
      expect(contents).toEqual(["one", "two", "three"])
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("253 descriptors go in one message, 254 are refused", () => {
  withPair((left, right) => {
    sendDescriptors(left, Buffer.of(1), Array(253).fill(left))
    const received = receiveDescriptors(right)!
    expect(received.descriptors.length).toBe(253)
    expect(received.truncated).toBe(false)
    for (const descriptor of received.descriptors) closeSync(descriptor)
    expect(() => sendDescriptors(left, Buffer.of(1), Array(254).fill(left))).toThrow("at most 253")
  })
})

test("an empty socket gives undefined, a departed sender leaves its messages and then the end", () => {
  const [left, right] = socketPair()
  expect(receiveDescriptors(right)).toBeUndefined()
  sendDescriptors(left, Buffer.from("a"))
  sendDescriptors(left, Buffer.from("b"), [left])
  closeSync(left)
  expect(receiveDescriptors(right)!.bytes.toString()).toBe("a")
  const second = receiveDescriptors(right)!
  expect(second.bytes.toString()).toBe("b")
  for (const descriptor of second.descriptors) closeSync(descriptor)
  expect(receiveDescriptors(right)!.bytes.length).toBe(0)
  expect(() => sendDescriptors(right, Buffer.of(1))).toThrow("EPIPE")
  closeSync(right)
})
