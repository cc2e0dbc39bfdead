import { expect, test } from "bun:test"
import { Failure } from "../errors/failure.ts"
import { nameOfRunRoot, withBridgeName } from "./bridge-name.ts"
import type { Records, Sandbox } from "./contract.ts"

function recordsOf<T>(...entries: readonly (readonly [string, T])[]): Records<T> {
  const map = new Map(entries)
  return { put: (key, value) => void map.set(key, value), delete: (key) => map.delete(key), all: () => [...map] }
}

/** Opens networks where other daemons have the bridges `taken`. @returns the name that it came to */
const choose = (
  taken: readonly string[],
  chosen: Records<{ readonly name: string }>,
  sandboxes = recordsOf<Sandbox>(),
) =>
  withBridgeName({ usual: "barge0", runRoot: "/run/other", chosen, sandboxes }, async (name) => {
    if (taken.includes(name)) throw new Failure("conflict", `bridge ${name} belongs to another running daemon`)
    return name
  })

test("a daemon that finds the usual bridge with another daemon makes one of its own, and keeps it", async () => {
  const chosen = recordsOf<{ readonly name: string }>()
  const own = nameOfRunRoot("/run/other")
  expect(await choose(["barge0"], chosen)).toBe(own)
  expect(await choose([], chosen)).toBe(own)
})

test("a daemon keeps the usual bridge once it has it, and is refused when another one has taken it since", async () => {
  const chosen = recordsOf<{ readonly name: string }>()
  expect(await choose([], chosen)).toBe("barge0")
  expect(choose(["barge0"], chosen)).rejects.toThrow("belongs to another running daemon")
})

test("containers of before names were recorded stay on the bridge that they have", async () => {
  const sandboxes = recordsOf<Sandbox>(["c", {} as Sandbox])
  expect(choose(["barge0"], recordsOf(), sandboxes)).rejects.toThrow("belongs to another running daemon")
  expect(await choose([], recordsOf(), sandboxes)).toBe("barge0")
})
