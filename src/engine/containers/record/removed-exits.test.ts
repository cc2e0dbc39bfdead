import { expect, test } from "bun:test"
import { Deliveries } from "./output-clients.ts"
import { Departed } from "./removed-exits.ts"

test("the end of a container that removed itself is known by its ID, and the oldest are forgotten", () => {
  const departed = new Departed()
  const leaving = (index: number) => ({
    id: `c${index}`,
    state: { exitCode: index, error: "" },
    deliveries: new Deliveries(),
  })
  for (let index = 0; index < 600; index++) departed.remember(leaving(index))
  expect(departed.find("c599")?.end).toEqual({ exitCode: 599, error: "" })
  expect(departed.find("c100")?.end).toEqual({ exitCode: 100, error: "" })
  expect(departed.find("c0")).toBeUndefined()
  expect(departed.find("nobody")).toBeUndefined()
})
