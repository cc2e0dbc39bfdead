import { expect, test } from "bun:test"
import { kindOf } from "../../errors/failure.ts"
import { backgroundScope } from "../scope.ts"
import type { SnapshotRows } from "../snapshots/rows-contract.ts"
import type { ContainerStore } from "./contract.ts"

const scope = backgroundScope("moby", "test")
const kind = (work: Promise<unknown>) => work.then(() => "nothing", kindOf)

/** What every {@link ContainerStore} must do. `run` calls its argument with an empty store and its snapshots. */
export function containerSuite(
  run: (use: (containers: ContainerStore, snapshots: SnapshotRows) => Promise<void>) => Promise<void>,
): void {
  const check = (name: string, use: (containers: ContainerStore, snapshots: SnapshotRows) => Promise<void>) =>
    test(name, () => run(use))

  check("a record and its snapshot appear together and go together", async (containers, snapshots) => {
    const record = await containers.create(scope, {
      id: "c1",
      image: "docker.io/library/a:latest",
      labels: { role: "web" },
      snapshot: { key: "c1", labels: { of: "c1" } },
      runtime: "crun",
      extensions: { engine: { name: "/web", list: [1, null, "x"] } },
    })
    expect(await containers.get(scope, "c1")).toEqual(record)
    expect(await containers.list(scope)).toEqual([record])
    expect(record).toMatchObject({ snapshotKey: "c1", labels: { role: "web" } })
    expect(record.extensions["engine"]).toEqual({ name: "/web", list: [1, null, "x"] })
    expect(snapshots.find("moby", "c1")).toMatchObject({ kind: "active", labels: { of: "c1" } })
    await containers.remove(scope, "c1")
    expect(snapshots.find("moby", "c1")).toBeUndefined()
    expect(await kind(containers.get(scope, "c1"))).toBe("notFound")
  })

  check("a creation that fails leaves neither record nor snapshot", async (containers, snapshots) => {
    await containers.create(scope, { id: "c1", runtime: "crun" })
    expect(await kind(containers.create(scope, { id: "c1", snapshot: { key: "new" }, runtime: "crun" }))).toBe(
      "alreadyExists",
    )
    expect(snapshots.find("moby", "new")).toBeUndefined()
    expect(
      await kind(containers.create(scope, { id: "c2", snapshot: { key: "c2", parent: "missing" }, runtime: "crun" })),
    ).toBe("notFound")
    expect(await containers.list(scope)).toHaveLength(1)
  })

  check("one extension is replaced without touching the others", async (containers) => {
    await containers.create(scope, { id: "c1", runtime: "crun", extensions: { engine: 1, cri: 2 } })
    await containers.setExtension(scope, "c1", "engine", { state: "running" })
    await containers.updateLabels(scope, "c1", { a: "b" })
    expect(await containers.get(scope, "c1")).toMatchObject({
      labels: { a: "b" },
      extensions: { engine: { state: "running" }, cri: 2 },
    })
    expect(await kind(containers.setExtension(scope, "c2", "engine", 1))).toBe("notFound")
    expect(await kind(containers.updateLabels(scope, "c2", {}))).toBe("notFound")
    expect(await kind(containers.remove(scope, "c2"))).toBe("notFound")
  })

  check("labels are changed as a mask says, and filters choose by them", async (containers) => {
    await containers.create(scope, { id: "c1", image: "a", runtime: "crun", labels: { x: "1", y: "2" } })
    await containers.create(scope, { id: "c2", runtime: "runc" })
    const updated = await containers.updateLabels(scope, "c1", { x: "3" }, ["labels.x", "labels.y"])
    expect(updated).toEqual(await containers.get(scope, "c1"))
    expect(updated).toMatchObject({ labels: { x: "3" }, image: "a" })
    const chosen = async (...filters: readonly string[]) => (await containers.list(scope, filters)).map(({ id }) => id)
    expect(await chosen("labels.x==3")).toEqual(["c1"])
    expect(await chosen("runtime.name==runc", "image")).toEqual(["c1", "c2"])
    expect(await chosen("id!=c1")).toEqual(["c2"])
    expect(await kind(containers.updateLabels(scope, "c1", {}, ["image"]))).toBe("invalidArgument")
  })

  check("a snapshot in use by a container cannot be removed on its own", async (containers, snapshots) => {
    await containers.create(scope, { id: "c1", snapshot: { key: "c1" }, runtime: "crun" })
    expect(() => snapshots.remove("moby", "c1")).toThrow()
    expect(snapshots.find("moby", "c1")).toBeDefined()
  })
}
