import { expect, test } from "bun:test"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { withDatabase } from "../core/metadata/temporary.fixture.ts"
import type { TaskState } from "../shim/contract.ts"
import { claimRunRoot } from "./claim-run-root.ts"
import type { Roots } from "./roots.ts"

/** Claims a run root of `other`, in which a container runs, for an installation `own` with or without containers. */
const claim = (options: { readonly salvage: boolean; readonly containers: boolean }) =>
  withDatabase(async (database, data) => {
    const run = join(data, "run")
    mkdirSync(run)
    const file = join(run, "installation")
    writeFileSync(file, "other\n")
    if (options.containers) {
      database.ensureNamespace("moby")
      database.run(
        "INSERT INTO containers (namespace, id, labels, runtime, created_at, updated_at) VALUES ('moby', 'a', '{}', '', 0, 0)",
      )
    }
    const shim = { tasks: async () => [{ id: "runs" } as TaskState] }
    const said = await claimRunRoot({ data, run } as Roots, { database, id: "own" }, shim, options).then(
      () => "",
      (error: Error) => error.message,
    )
    return { said, owner: readFileSync(file, "utf8").trim() }
  })

test("a run root in which another data root's containers run is refused", async () => {
  const { said, owner } = await claim({ salvage: false, containers: false })
  expect(said).toContain("start once with --salvage, which ends them")
  expect(owner).toBe("other")
})

test("with salvage it is taken over by a data root that has begun anew", async () => {
  expect(await claim({ salvage: true, containers: false })).toEqual({ said: "", owner: "own" })
})

test("a data root with containers of its own never takes it, and does not promise it", async () => {
  for (const salvage of [true, false]) {
    const { said, owner } = await claim({ salvage, containers: true })
    expect(said).toContain("give this one another --exec-root")
    expect(said).not.toContain("--salvage")
    expect(owner).toBe("other")
  }
})
