import { expect, test } from "bun:test"
import { OutputClients } from "./output-clients.ts"
import { RemovedExits } from "./removed-exits.ts"

test("the exit of a container that removed itself is found by its ID, and the oldest are dropped", () => {
  const exits = new RemovedExits()
  const container = (index: number) => ({
    id: `c${index}`,
    state: { exitCode: index, error: "" },
    attached: new OutputClients(),
  })
  for (let index = 0; index < 600; index++) exits.remember(container(index))
  expect(exits.find("c599")?.end).toEqual({ exitCode: 599, error: "" })
  expect(exits.find("c100")?.end).toEqual({ exitCode: 100, error: "" })
  expect(exits.find("c0")).toBeUndefined()
  expect(exits.find("unknown")).toBeUndefined()
})
