import { expect, test } from "bun:test"
import { kindOf } from "../../errors/failure.ts"
import type { NamespaceStore } from "./contract.ts"

const kind = (work: Promise<unknown>) => work.then(() => "nothing", kindOf)

/** The behaviour of every {@link NamespaceStore}. `run` calls its argument with an empty store and a way to add a record to a namespace. */
export function namespaceSuite(
  run: (
    use: (namespaces: NamespaceStore, addRecord: (namespace: string) => Promise<void>) => Promise<void>,
  ) => Promise<void>,
): void {
  const check = (
    name: string,
    use: (namespaces: NamespaceStore, addRecord: (namespace: string) => Promise<void>) => Promise<void>,
  ) => test(name, () => run(use))

  check("a namespace is created once, listed in order, and removed", async (namespaces) => {
    await namespaces.create("b", { of: "test" })
    await namespaces.create("a")
    expect(await kind(namespaces.create("a"))).toBe("alreadyExists")
    expect(await namespaces.list()).toEqual([
      { name: "a", labels: {} },
      { name: "b", labels: { of: "test" } },
    ])
    await namespaces.remove("a")
    expect(await kind(namespaces.get("a"))).toBe("notFound")
    expect(await kind(namespaces.remove("a"))).toBe("notFound")
    expect(await kind(namespaces.create("no spaces"))).toBe("invalidArgument")
  })

  check("labels are changed as a mask says", async (namespaces) => {
    await namespaces.create("a", { x: "1", y: "2" })
    await namespaces.updateLabels("a", { x: "3" }, ["labels.x", "labels.y"])
    expect((await namespaces.get("a")).labels).toEqual({ x: "3" })
    expect(await kind(namespaces.updateLabels("b", {}))).toBe("notFound")
    expect(await kind(namespaces.updateLabels("a", {}, ["name"]))).toBe("invalidArgument")
  })

  check(
    "a namespace comes into being with its first record, and stays while it has one",
    async (namespaces, addRecord) => {
      await addRecord("late")
      expect((await namespaces.list()).map(({ name }) => name)).toEqual(["late"])
      expect(await kind(namespaces.remove("late"))).toBe("conflict")
    },
  )
}
