import { expect, test } from "bun:test"
import { adoptOlder } from "./older.ts"
import type { SandboxRecord } from "./record.ts"
import type { SandboxCollaborators } from "./service.ts"

test("what containers of earlier builds have becomes sandboxes of the engine: places in networks, and memory of those that run", () => {
  const places = [
    { key: "runs", place: "/shm/runs.1-0" },
    { key: "runs", place: "/shm/runs.2-0" },
    { key: "ended", place: "/shm/ended.1-0" },
    { key: "known", place: "/shm/known.1-0" },
  ]
  const collaborators = {
    networking: {
      sandboxes: () => ["runs", "known"].map((id) => ({ containerId: id, containerName: `name of ${id}` })),
    },
    sharedMemory: { places: () => places },
    boot: "this",
  } as unknown as SandboxCollaborators
  const known: SandboxRecord = { id: "known", namespace: "moby", owner: "engine", name: "known", boot: "this" }
  const living = new Map([["engine", ({ id }: { id: string }) => id !== "ended"]])
  expect([...adoptOlder(new Map([["known", known]]), collaborators, living)]).toEqual([
    [
      "runs",
      {
        id: "runs",
        namespace: "moby",
        owner: "engine",
        name: "name of runs",
        boot: "this",
        // The latest: an earlier one was being taken away.
        sharedMemory: "/shm/runs.2-0",
      },
    ],
  ])
})
