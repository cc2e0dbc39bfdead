import type { Action } from "../auth/contract.ts"
import { deleteBlob, getBlob } from "./blobs.ts"
import type { Call } from "./call.ts"
import { listReferrers, listRepositories, listTags } from "./lists.ts"
import { deleteManifest, getManifest, putManifest } from "./manifests.ts"
import type { RegistryServices } from "./services.ts"
import { cancelUpload, continueUpload, finishUpload, startUpload, uploadStatus } from "./uploads.ts"

/** What a request does, and the right that it needs. */
export interface Operation {
  /** For the log and the metrics. */
  readonly name: string
  readonly needs: Action
  readonly run: (call: Call, services: RegistryServices, reference: string) => Promise<void> | void
}

/** Addresses of one shape. The pattern's groups are the repository's name and the reference; GET stands for HEAD too. */
interface Shape {
  readonly pattern: RegExp
  readonly methods: Readonly<Record<string, Operation>>
}

const operation = (name: string, needs: Action, run: Operation["run"]): Operation => ({ name, needs, run })

/** Every address of the API below a repository. The name is as long as it can be: it may contain the words that follow it. */
const shapes: readonly Shape[] = [
  {
    pattern: /^\/v2\/(.+)\/blobs\/uploads\/?()$/,
    methods: { POST: operation("upload-start", "push", startUpload) },
  },
  {
    pattern: /^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/,
    methods: {
      GET: operation("upload-status", "push", uploadStatus),
      PATCH: operation("upload-chunk", "push", continueUpload),
      PUT: operation("upload-finish", "push", finishUpload),
      DELETE: operation("upload-cancel", "push", cancelUpload),
    },
  },
  {
    pattern: /^\/v2\/(.+)\/blobs\/([^/]+)$/,
    methods: { GET: operation("blob-pull", "pull", getBlob), DELETE: operation("blob-delete", "delete", deleteBlob) },
  },
  {
    pattern: /^\/v2\/(.+)\/manifests\/([^/]+)$/,
    methods: {
      GET: operation("manifest-pull", "pull", getManifest),
      PUT: operation("manifest-push", "push", putManifest),
      DELETE: operation("manifest-delete", "delete", deleteManifest),
    },
  },
  { pattern: /^\/v2\/(.+)\/tags\/list\/?()$/, methods: { GET: operation("tags", "pull", listTags) } },
  { pattern: /^\/v2\/(.+)\/referrers\/([^/]+)$/, methods: { GET: operation("referrers", "pull", listReferrers) } },
]

/** What a path means, with the ways to use it. */
export interface Match {
  readonly repository: string
  readonly reference: string
  readonly methods: Readonly<Record<string, Operation>>
}

/** @returns undefined for a path that the API does not have */
export function match(path: string): Match | undefined {
  if (path === "/v2/_catalog") {
    return { repository: "", reference: "", methods: { GET: operation("catalog", "catalog", listRepositories) } }
  }
  for (const { pattern, methods } of shapes) {
    const found = pattern.exec(path)
    if (found) return { repository: found[1]!, reference: decoded(found[2]!), methods }
  }
  return undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
