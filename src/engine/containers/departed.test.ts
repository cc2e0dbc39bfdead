import { expect, test } from "bun:test"
import { Departed } from "./departed.ts"

test("the end of a container that removed itself is known by its ID, and the oldest are forgotten", () => {
  const departed = new Departed()
  for (let index = 0; index < 600; index++) departed.remember(`c${index}`, { exitCode: index, error: "" })
  expect(departed.find("c599")).toEqual({ exitCode: 599, error: "" })
  expect(departed.find("c100")).toEqual({ exitCode: 100, error: "" })
  expect(departed.find("c0")).toBeUndefined()
  expect(departed.find("nobody")).toBeUndefined()
})
