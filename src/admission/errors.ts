/**
 * What the webhook server answers when it does not decide: one table. docs/reference/errors.md lists the same; a test compares.
 * 4xx: the request is wrong. 5xx: we could not tell, and the webhook entry's failurePolicy decides. A decision is never here.
 */

export const ADMISSION_ERRORS = {
  UnknownPath: {
    status: 404,
    sentence: 'The path or method is not served.',
    remedy: 'POST an AdmissionReview to /mutate or /validate.',
  },
  BadContentType: {
    status: 400,
    sentence: 'The body is not declared as application/json.',
    remedy: 'Send `content-type: application/json`.',
  },
  BodyTooLarge: {
    status: 413,
    sentence: 'The body is larger than `bodyLimitBytes`.',
    remedy: 'Raise `bodyLimitBytes`; the API server itself takes objects of at most 3 MiB.',
  },
  BadJson: { status: 400, sentence: 'The body is not JSON.', remedy: 'Send one JSON document in UTF-8.' },
  TooDeep: {
    status: 400,
    sentence: 'The body is nested more deeply than any Kubernetes object.',
    remedy: 'Send an object nested at most 256 deep.',
  },
  UnsupportedVersion: {
    status: 400,
    sentence: 'The review is not of a version spoken here.',
    remedy: 'Set `admissionReviewVersions: ["v1"]` in the webhook configuration.',
  },
  BadReview: {
    status: 400,
    sentence: 'A field of the review is missing or of the wrong type.',
    remedy: 'Send what admission.k8s.io/v1 says; the message names the field.',
  },
  BadObject: {
    status: 400,
    sentence: 'The object under review is not shaped as its kind.',
    remedy: 'Mend the field that is named.',
  },
  BadTimeout: {
    status: 400,
    sentence: 'The query parameter `timeout` is not a duration.',
    remedy: 'Give it as the API server does: `?timeout=10s`.',
  },
  NoReviewer: {
    status: 400,
    sentence: 'Nothing judges this resource on this path.',
    remedy: 'Apply the webhook configurations that belong to this version.',
  },
  ReviewFailed: {
    status: 500,
    sentence: 'The review ended in a fault of ours.',
    remedy: 'Look for the uid in the log of sekisho-webhook, and report what it says.',
  },
  NotKnownYet: {
    status: 503,
    sentence: 'What is known of the cluster is not complete, so no answer would be sure.',
    remedy: 'Try again in a few seconds; if it stays, look at /healthz/ready of sekisho-webhook.',
  },
  DeadlineOver: {
    status: 504,
    sentence: 'The review took as long as the API server waits.',
    remedy: 'Try again; if it stays, look whether the API server answers sekisho-webhook.',
  },
} as const satisfies Record<string, { status: number; sentence: string; remedy: string }>
export type AdmissionErrorCode = keyof typeof ADMISSION_ERRORS

/** Ends a request with the status of its code. The message is for a person at kubectl, and is all they see. */
export class AdmissionError extends Error {
  override readonly name = 'AdmissionError'
  readonly code: AdmissionErrorCode
  constructor(code: AdmissionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
  get status(): number {
    return ADMISSION_ERRORS[this.code].status
  }
  /**
   * The body: a `Status` as API servers give each other. Of any other body the API server shows its user nothing but
   * "the server rejected our request for an unknown reason".
   */
  get body(): string {
    const message = `${this.message} ${ADMISSION_ERRORS[this.code].remedy} (${this.code})`
    const { status: code, code: reason } = this
    return JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code })
  }
}

/** What others sent, in an error for a person: short, on one line, without control characters. */
export const shown = (value: unknown): string => {
  const text =
    value === undefined
      ? 'nothing'
      : typeof value === 'object' && value !== null
        ? kindOf(value)
        : JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
const kindOf = (value: object) => (Array.isArray(value) ? 'a list' : 'an object')
