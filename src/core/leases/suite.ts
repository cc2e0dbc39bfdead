import { expect, test } from "bun:test"
import { kindOf } from "../../errors/failure.ts"
import { backgroundScope } from "../scope.ts"
import type { LeaseStore } from "./contract.ts"

const scope = backgroundScope("moby", "test")
const kind = (work: Promise<unknown>) => work.then(() => "nothing", kindOf)

/** What every {@link LeaseStore} must do. `run` calls its argument with an empty store. */
export function leaseSuite(run: (use: (leases: LeaseStore) => Promise<void>) => Promise<void>): void {
  const check = (name: string, use: (leases: LeaseStore) => Promise<void>) => test(name, () => run(use))

  check("a lease holds what was added to it until it is dropped", async (leases) => {
    const lease = await leases.create(scope, { id: "l", labels: { of: "test" } })
    expect(await leases.list(scope)).toEqual([lease])
    await leases.add(scope, "l", { type: "snapshots", id: "a" })
    await leases.add(scope, "l", { type: "snapshots", id: "a" })
    await leases.add(scope, "l", { type: "content", id: "b" })
    await leases.drop(scope, "l", { type: "snapshots", id: "a" })
    expect(await leases.resources(scope, "l")).toEqual([{ type: "content", id: "b" }])
    await leases.remove(scope, "l")
    expect(await leases.list(scope)).toEqual([])
  })

  check("filters choose by ID and labels", async (leases) => {
    await leases.create(scope, { id: "a", labels: { of: "build" } })
    await leases.create(scope, { id: "b" })
    const chosen = async (...filters: readonly string[]) => (await leases.list(scope, filters)).map(({ id }) => id)
    expect(await chosen("labels.of==build")).toEqual(["a"])
    expect(await chosen("id==a", "id==b")).toEqual(["a", "b"])
  })

  check("a name is taken once, and a missing lease is told", async (leases) => {
    await leases.create(scope, { id: "l" })
    expect(await kind(leases.create(scope, { id: "l" }))).toBe("alreadyExists")
    expect(await kind(leases.remove(scope, "x"))).toBe("notFound")
    expect(await kind(leases.resources(scope, "x"))).toBe("notFound")
    expect(await kind(leases.add(scope, "x", { type: "content", id: "b" }))).toBe("notFound")
  })

  check("a lease ends when its time is over", async (leases) => {
    await leases.create(scope, { id: "short", ttlMs: 0 })
    await leases.create(scope, { id: "long", ttlMs: 3_600_000 })
    expect((await leases.list(scope)).map((lease) => lease.id)).toEqual(["long"])
    expect(await kind(leases.add(scope, "short", { type: "content", id: "b" }))).toBe("notFound")
  })

  check("work within a lease has it until it ends, also when it fails", async (leases) => {
    const inside = await leases.within(scope, async (leased) => {
      expect((await leases.list(scope)).map((lease) => lease.id)).toEqual([leased.lease!])
      return leased.namespace
    })
    expect(inside).toBe("moby")
    await expect(leases.within(scope, () => Promise.reject(new Error("no")))).rejects.toThrow("no")
    expect(await leases.list(scope)).toEqual([])
  })
}
