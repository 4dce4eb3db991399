# syntax=docker/dockerfile:1
# The sekisho image: Node, the bundled program, and the three libraries Node is linked with. No shell, no package manager, no node_modules.
# What is copied from dist/ is made first, by `make images` or `node test/images/bundle.ts`; then `docker build .` does.

FROM debian:forky-slim AS parts
# The libraries as Debian ships them, with their entries of the package database, so that scanners still know what is inside.
RUN set -eu; \
    mkdir -p /out/etc /out/tmp /out/var/lib/dpkg/status.d; \
    chmod 1777 /out/tmp; \
    for package in libc6 libgcc-s1 libstdc++6; do \
      dpkg-query --listfiles "$package" | grep -E '\.so|/copyright$' | grep -v -E '/(gconv|audit)/' | while read -r file; do \
        if [ ! -d "$file" ]; then cp --archive --parents "$file" /out/; fi; \
      done; \
      dpkg-query --status "$package" > "/out/var/lib/dpkg/status.d/$package"; \
    done; \
    for link in lib lib64; do if [ -L "/$link" ]; then cp --archive "/$link" /out/; fi; done; \
    echo 'sekisho:x:65532:65532:sekisho:/tmp:/sbin/nologin' > /out/etc/passwd; \
    echo 'sekisho:x:65532:' > /out/etc/group; \
    echo 'hosts: files dns' > /out/etc/nsswitch.conf; \
    cp --archive /etc/os-release /etc/debian_version /out/etc/; \
    cp --archive --parents /usr/lib/os-release /out/

FROM scratch
ARG TARGETARCH
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="sekisho" \
      org.opencontainers.image.description="Sekisho: the webhook, the certificate job and the command line" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=parts /out/ /
COPY dist/linux-${TARGETARCH}/node /usr/local/bin/node
COPY dist/LICENSES.txt LICENSE /usr/share/doc/sekisho/
COPY dist/app/ /app/
ENV NODE_ENV=production
USER 65532:65532
WORKDIR /app
EXPOSE 8443 8080
ENTRYPOINT ["/usr/local/bin/node", "/app/sekisho.mjs"]
