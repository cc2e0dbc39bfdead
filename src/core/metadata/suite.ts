import { expect, test } from "bun:test"
import type { Metadata } from "./contract.ts"

/** What every implementation of {@link Metadata} must do. `open` gives an empty one. */
export function metadataSuite(open: () => Metadata): void {
  test("a collection gives back what was put, in the order of its keys", () => {
    using metadata = open()
    const volumes = metadata.collection<{ driver: string }>("volumes")
    volumes.put("b", { driver: "local" })
    volumes.put("a", { driver: "nfs" })
    volumes.put("b", { driver: "tmpfs" })
    expect(volumes.get("b")).toEqual({ driver: "tmpfs" })
    expect(volumes.get("c")).toBeUndefined()
    expect(volumes.all()).toEqual([
      ["a", { driver: "nfs" }],
      ["b", { driver: "tmpfs" }],
    ])
  })

  test("a long collection can be gone through in the order of its keys, while it changes", async () => {
    using metadata = open()
    const things = metadata.collection<number>("things")
    const keys = Array.from({ length: 500 }, (_, at) => `key-${String(at).padStart(3, "0")}`)
    for (const [at, key] of keys.entries()) things.put(key, at)
    const found: string[] = []
    for await (const [key, value] of things.each()) {
      expect(value).toBe(found.length)
      found.push(key)
      things.delete(key)
    }
    expect(found).toEqual(keys)
    expect(things.all()).toEqual([])
  })

  test("deleting tells whether there was one", () => {
    using metadata = open()
    const things = metadata.collection<number>("things")
    things.put("x", 1)
    expect(things.delete("x")).toBe(true)
    expect(things.delete("x")).toBe(false)
    expect(things.all()).toEqual([])
  })

  test("collections do not see each other's keys", () => {
    using metadata = open()
    metadata.collection<number>("one").put("key", 1)
    expect(metadata.collection<number>("two").get("key")).toBeUndefined()
  })

  test("a transaction that throws changes nothing", () => {
    using metadata = open()
    const things = metadata.collection<number>("things")
    expect(() =>
      metadata.transaction(() => {
        things.put("x", 1)
        metadata.transaction(() => things.put("y", 2))
        throw new Error("no")
      }),
    ).toThrow("no")
    expect(things.all()).toEqual([])
  })

  test("a nested transaction that throws is undone alone when the outer one carries on", () => {
    using metadata = open()
    const things = metadata.collection<number>("things")
    metadata.transaction(() => {
      things.put("outer", 1)
      expect(() =>
        metadata.transaction(() => {
          things.put("inner", 2)
          throw new Error("no")
        }),
      ).toThrow("no")
    })
    expect(things.all()).toEqual([["outer", 1]])
  })

  test("a transaction refuses asynchronous work and undoes it", () => {
    using metadata = open()
    const things = metadata.collection<number>("things")
    expect(() => metadata.transaction(async () => things.put("x", 1))).toThrow("asynchronous")
    expect(things.all()).toEqual([])
  })
}
