// Pins, by checksum (go.sum), the cert-manager whose CRDs the tests hold our Certificates and Issuers against.
module sekisho.dev/manifests/cert-manager

go 1.24

require github.com/cert-manager/cert-manager v1.18.2
