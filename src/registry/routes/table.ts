import { mounted, type RouteEntries } from "../../std/http/router.ts"
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

const operation = (name: string, needs: Action, run: Operation["run"]): Operation => ({ name, needs, run })

/**
 * The API below a repository. The name is as long as it can be: it may contain the words that follow it. GET stands for HEAD too. An
 * address that the first pattern matches is none of the later ones', whatever the method.
 */
export const registryRoutes: RouteEntries<Operation> = mounted(
  "/v2",
  Object.entries({
    "GET /_catalog": operation("catalog", "catalog", listRepositories),
    "POST /:repository/blobs/uploads/?": operation("upload-start", "push", startUpload),
    "GET /:repository/blobs/uploads/:reference([^/]+)": operation("upload-status", "push", uploadStatus),
    "PATCH /:repository/blobs/uploads/:reference([^/]+)": operation("upload-chunk", "push", continueUpload),
    "PUT /:repository/blobs/uploads/:reference([^/]+)": operation("upload-finish", "push", finishUpload),
    "DELETE /:repository/blobs/uploads/:reference([^/]+)": operation("upload-cancel", "push", cancelUpload),
    "GET /:repository/blobs/:reference([^/]+)": operation("blob-pull", "pull", getBlob),
    "DELETE /:repository/blobs/:reference([^/]+)": operation("blob-delete", "delete", deleteBlob),
    "GET /:repository/manifests/:reference([^/]+)": operation("manifest-pull", "pull", getManifest),
    "PUT /:repository/manifests/:reference([^/]+)": operation("manifest-push", "push", putManifest),
    "DELETE /:repository/manifests/:reference([^/]+)": operation("manifest-delete", "delete", deleteManifest),
    "GET /:repository/tags/list/?": operation("tags", "pull", listTags),
    "GET /:repository/referrers/:reference([^/]+)": operation("referrers", "pull", listReferrers),
  }),
)
