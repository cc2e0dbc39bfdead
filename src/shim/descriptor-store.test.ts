import { afterEach, beforeEach, expect, test } from "bun:test"
import { closeSync, readdirSync, readSync, writeSync } from "node:fs"
import { pipe } from "../linux/descriptor.ts"
import { DescriptorStore } from "./descriptor-store.ts"
import { closeHeld, type HeldDescriptors, makeHeld } from "./held-descriptors.ts"

let held: HeldDescriptors
let complaints: string[]

beforeEach(() => {
  complaints = []
  held = makeHeld()
})
afterEach(() => {
  closeHeld(held)
  expect(complaints).toEqual([])
})

/** A store as the next shim has it: it knows nothing yet. */
const nextStore = () => new DescriptorStore(held, (line) => void complaints.push(line))

/** Keeps a pipe with `text` in it for a process, which only the store has open then. */
function keepPipe(store: DescriptorStore, key: string, text: string): void {
  const [reader, writer] = pipe()
  writeSync(writer, text)
  store.keep(key, { stdout: reader })
  closeSync(reader)
  closeSync(writer)
}

/** What the next shim reads from the pipes that it finds. */
function textsFound(store: DescriptorStore): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [key, { stdout }] of store.recover(() => "copy")) {
    const buffer = Buffer.alloc(100)
    texts[key] = buffer.toString("utf8", 0, readSync(stdout!, buffer))
    closeSync(stdout!)
  }
  return texts
}

test("the next shim finds what the last one kept", () => {
  const store = nextStore()
  keepPipe(store, "a", "of a")
  keepPipe(store, "b", "of b")
  expect(textsFound(nextStore())).toEqual({ a: "of a", b: "of b" })
})

test("a process that was started again is found with the pipes of its life now", () => {
  const store = nextStore()
  for (const life of ["first", "second", "third"]) {
    keepPipe(store, "a", life)
    if (life !== "third") store.release("a")
  }
  expect(textsFound(nextStore())).toEqual({ a: "third" })
})

test("what is tidied away is what is not needed any more", () => {
  const store = nextStore()
  keepPipe(store, "stays", "for ever")
  for (let round = 0; round < 300; round++) {
    keepPipe(store, "a", `life ${round}`)
    store.release("a")
  }
  keepPipe(store, "a", "last life")
  expect(textsFound(nextStore())).toEqual({ stays: "for ever", a: "last life" })
})

test("a recovery that is cut off at any message loses nothing", () => {
  const store = nextStore()
  const keys = ["a", "b", "c", "d"]
  for (const key of keys) keepPipe(store, key, "an earlier life")
  for (const key of keys) store.release(key)
  for (const key of keys) keepPipe(store, key, `of ${key}`)
  for (let cut = 0; cut < 2 * keys.length; cut++) {
    let visited = 0
    const stop = () => {
      if (visited++ === cut) throw new Error("killed")
      return "leave" as const
    }
    // The last rounds find fewer messages than that: earlier lives have gone.
    const cutOff = () => {
      nextStore().recover(stop)
      throw new Error("killed")
    }
    expect(cutOff).toThrow("killed")
  }
  expect(textsFound(nextStore())).toEqual({ a: "of a", b: "of b", c: "of c", d: "of d" })
})

test("recovery and tidying leave no descriptor open here", () => {
  const before = readdirSync("/proc/self/fd").length
  const store = nextStore()
  for (let round = 0; round < 300; round++) {
    keepPipe(store, `p${round % 7}`, "x")
    if (round % 3 === 0) store.release(`p${round % 7}`)
  }
  nextStore().recover((key) => (key === "p1" ? "close" : "leave"))
  textsFound(nextStore())
  expect(readdirSync("/proc/self/fd").length).toBe(before)
})
