import { messageOf } from "../../errors/failure.ts"
import { expositionType } from "../metrics.ts"
import type { HttpHandler } from "./connection.ts"
import { Router } from "./router.ts"

/** Answers `GET /metrics` with what `text` gives, in the form of {@link expositionType}. */
export function metricsHandler(text: () => Promise<string> | string): HttpHandler {
  const router = new Router([["GET|HEAD /metrics", text]])
  const plain = { "Content-Type": "text/plain" }
  return async (request, response) => {
    const routes = router.at(request.target.split("?", 1)[0]!)
    if (!routes) return response.send(404, plain, "the metrics are at /metrics\n")
    const found = routes.get(request.method)
    if (!found) return response.send(405, { Allow: [...routes.keys()].join(", ") })
    try {
      response.send(200, { "Content-Type": expositionType }, await found.route())
    } catch (error) {
      response.send(500, plain, `${messageOf(error)}\n`)
    }
  }
}
