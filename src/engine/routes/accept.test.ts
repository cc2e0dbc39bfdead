import { expect, test } from "bun:test"
import { bestAccepted } from "./accept.ts"

const offers = ["application/jsonl", "application/x-ndjson", "application/json-seq"] as const

test("the accepted offer of the highest weight is taken, of equals the one that is offered first", () => {
  expect(bestAccepted("application/json-seq", offers)).toBe("application/json-seq")
  expect(bestAccepted("application/json-seq, application/x-ndjson", offers)).toBe("application/x-ndjson")
  expect(bestAccepted("application/jsonl;q=0.5, Application/JSON-seq; q=0.9", offers)).toBe("application/json-seq")
})

test("wildcards, other types and a weight of nothing name no offer", () => {
  for (const accept of [undefined, "", "*/*", "application/*", "application/json", "application/jsonl;q=0", ";q"])
    expect(bestAccepted(accept, offers)).toBeUndefined()
})
