import type { AuthConfig } from "../../api/image.ts"
import { Failure } from "../../errors/failure.ts"
import type { Images } from "../images/contract.ts"
import { filters, flag, platform, platforms, repeated, text, textOr } from "./query.ts"
import { registryAuth, registryConfig } from "./registry-auth.ts"
import { empty, json, progress, type Reply } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const tar = "application/x-tar"
const authOf = (request: { readonly headers: { get(name: string): string | undefined } }): AuthConfig | undefined =>
  registryAuth(request.headers.get("x-registry-auth"))

const blankName = () => new Failure("invalidArgument", "image name cannot be blank")

export const imageRoutes = (i: Images): RouteTable => ({
  "GET /images/json": route({
    query: {
      all: flag(),
      filters: filters("dangling", "label", "label!", "before", "since", "reference", "until"),
      "shared-size": flag(),
      filter: text,
      digests: flag(),
      manifests: flag(),
      identity: flag(),
    },
    run: async ({ scope, query }) => json(await i.list(scope, { ...query, sharedSize: query["shared-size"] })),
  }),
  "GET /images/get": route({
    query: { names: repeated, platform: platforms },
    run: async ({ scope, query }): Promise<Reply> => ({
      kind: "bytes",
      contentType: tar,
      chunks: await i.save(scope, query.names, { platforms: query.platform }),
    }),
  }),
  "GET /images/:name/get": route({
    query: { platform: platforms },
    run: async ({ scope, params, query }): Promise<Reply> => ({
      kind: "bytes",
      contentType: tar,
      chunks: await i.save(scope, [params["name"]!], { platforms: query.platform }),
    }),
  }),
  "GET /images/:name/json": route({
    query: { manifests: flag(), platform },
    run: async ({ scope, params, query }) => json(await i.inspect(scope, params["name"]!, query)),
  }),
  "GET /images/:name/attestations": route({
    since: "1.55",
    query: { platform: platforms, type: repeated, statement: flag() },
    run: async ({ scope, params, query }) =>
      json(
        await i.attestations(scope, params["name"]!, {
          platforms: query.platform,
          types: query.type.map((type) => type.trim()).filter((type) => type !== ""),
          statement: query.statement,
        }),
      ),
  }),
  "GET /images/:name/history": route({
    query: { platform },
    run: async ({ scope, params, query }) => json(await i.history(scope, params["name"]!, query)),
  }),
  "POST /images/load": route({
    query: { quiet: flag(true), platform: platforms },
    cancellable: true,
    run: ({ scope, query, request }): Reply => ({
      kind: "progress",
      messages: i.load(scope, request.body, { quiet: query.quiet, platforms: query.platform }),
      headFirst: true,
    }),
  }),
  "POST /images/create": route({
    query: {
      fromImage: text,
      fromSrc: textOr("-"),
      repo: text,
      tag: text,
      message: text,
      changes: repeated,
      platform,
    },
    cancellable: true,
    run: ({ scope, query, request }) => {
      const { fromImage, fromSrc: source, repo: repository, tag, message, changes } = query
      if (fromImage === undefined)
        return progress(
          i.importTree(scope, request.body, { source, repository, tag, message, changes, platform: query.platform }),
        )
      return progress(
        i.pull(scope, { image: fromImage, tag, all: false, platform: query.platform, auth: authOf(request) }),
      )
    },
  }),
  "POST /images/bootstrap": route({
    query: { name: textOr("busybox") },
    cancellable: true,
    run: ({ scope, query }) => progress(i.bootstrap(scope, query.name)),
  }),
  "POST /images/copy": route({
    query: { from: textOr(""), to: textOr(""), platform, referrers: flag() },
    cancellable: true,
    run: ({ scope, query, request }) =>
      progress(i.copy(scope, { ...query, auths: registryConfig(request.headers.get("x-registry-config")) })),
  }),
  "POST /images/prune": route({
    query: { filters: filters("dangling", "label", "label!", "until") },
    run: async ({ scope, query }) => json(await i.prune(scope, query.filters)),
  }),
  "POST /images/:name/push": route({
    query: { tag: text, platform },
    cancellable: true,
    run: ({ scope, params, query, request }) =>
      progress(i.push(scope, { image: params["name"]!, ...query, auth: authOf(request) })),
  }),
  "POST /images/:name/tag": route({
    query: { repo: textOr(""), tag: text },
    run: async ({ scope, params, query }) => {
      await i.tag(scope, params["name"]!, { repository: query.repo, tag: query.tag })
      return empty(201)
    },
  }),
  "DELETE /images/": route({
    run: () => {
      throw blankName()
    },
  }),
  "DELETE /images/:name": route({
    query: { force: flag(), noprune: flag(), platforms },
    run: async ({ scope, params, query }) => {
      const name = params["name"]!
      if (name.trim() === "") throw blankName()
      const { force, noprune: noPrune, platforms } = query
      return json(await i.remove(scope, name, { force, noPrune, platforms }))
    },
  }),
})
