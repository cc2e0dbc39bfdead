import { Failure } from "../../errors/failure.ts"
import { json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const notManager = route({
  untraced: true,
  run: () => {
    throw new Failure(
      "unavailable",
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    )
  },
})

const methods = "GET|POST|PUT|DELETE"

/** What Docker has and Barge, by decision, has not: answered as a daemon outside a swarm and without plugins does. */
export const swarmRoutes = (): RouteTable => ({
  ...Object.fromEntries(
    ["swarm", "nodes", "services", "tasks", "secrets", "configs"].flatMap((resource) => [
      [`${methods} /${resource}`, notManager],
      [`${methods} /${resource}/:rest`, notManager],
    ]),
  ),
  "GET /plugins": route({ run: () => json([]) }),
  "GET /plugins/:name/json": route({
    run: ({ params }) => {
      throw new Failure("notFound", `plugin ${JSON.stringify(params["name"])} not found`)
    },
  }),
})
