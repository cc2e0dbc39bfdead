import { notFound, type Operation, type Operations, success } from "./operation.ts"

const never = { conflict: "is not there", badInput: "is not there" }
const swarm = "This node is not a swarm manager. Barge has no swarm mode: on one machine use compose"

const unavailable = (path: string, says: string, status = 503): Operation => ({
  cases: [success("says what is not there", path, status, { says })],
  never: { notFound: "is not there", ...never },
})

const resources = ["swarm", "nodes", "services", "tasks", "secrets", "configs"]
const noPlugins = "Barge has no managed plugins: what plugins add is built in or configured with the daemon"
const noBuilder = "this daemon has no builder; build with another one and load the image with `docker load`"
const noSwarms =
  "Barge has no swarm mode: it runs the containers of one machine; for several that belong together use compose"

const plugin = (path: string): Operation => ({
  cases: [
    notFound("knows none", path, 'plugin "vieux/sshfs:latest" not found'),
    success("knows none under a version either", `/v1.40${path}`, 404, {
      says: 'plugin "vieux/sshfs:latest" not found',
    }),
  ],
  never,
})

export const absent: Operations = {
  "POST /build": unavailable("/build?t=x", noBuilder, 501),
  "POST /build/cancel": unavailable("/build/cancel?id=x", noBuilder, 501),
  "POST /swarm/init": unavailable("/swarm/init", noSwarms, 501),
  "POST /swarm/join": unavailable("/swarm/join", noSwarms, 501),
  "POST /swarm/leave": unavailable("/swarm/leave", "This node is not part of a swarm"),
  ...Object.fromEntries(
    resources.flatMap((resource) => [
      [`GET|POST|PUT|DELETE /${resource}`, unavailable(`/${resource}`, swarm)],
      [`GET|POST|PUT|DELETE /${resource}/:rest`, unavailable(`/${resource}/x/update`, swarm)],
    ]),
  ),
  "GET /plugins": {
    cases: [success("lists none", "/plugins", 200, { equals: [] })],
    never: { notFound: "names nothing", ...never },
  },
  "GET /plugins/privileges": unavailable("/plugins/privileges", noPlugins, 501),
  "POST /plugins/pull": unavailable("/plugins/pull", noPlugins, 501),
  "POST /plugins/create": unavailable("/plugins/create", noPlugins, 501),
  "GET /plugins/:name/json": plugin("/plugins/vieux/sshfs:latest/json"),
  "POST /plugins/:name/enable": plugin("/plugins/vieux/sshfs:latest/enable"),
  "POST /plugins/:name/disable": plugin("/plugins/vieux/sshfs:latest/disable"),
  "POST /plugins/:name/set": plugin("/plugins/vieux/sshfs:latest/set"),
  "POST /plugins/:name/push": plugin("/plugins/vieux/sshfs:latest/push"),
  "POST /plugins/:name/upgrade": plugin("/plugins/vieux/sshfs:latest/upgrade"),
  "DELETE /plugins/:name": plugin("/plugins/vieux/sshfs:latest"),
}
