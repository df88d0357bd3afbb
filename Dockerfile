# The bot as an image: the program, certificates, and nothing else.
#
#   docker build -t snapback .
#   docker run -d --name snapback -p 8080:8080 \
#     -v /var/run/docker.sock:/var/run/docker.sock --group-add "$(stat -c %g /var/run/docker.sock)" \
#     -v snapback:/var/lib/snapback -e DATABASE_URL=… -e SLACK_BOT_TOKEN=… snapback
#
# --group-add: the bot is no root in there, and the socket belongs to the host's group "docker", whose number is the
# host's own. Whoever holds that socket is root on the host all the same. There is no PostgreSQL in the image: DATABASE_URL is
# needed. The named volume lies on the engine's disk, and is all that the bot sees of it: with a folder of another disk in its
# place, SNAPBACK_DISK_LIMIT holds for that one. Each base image is an argument, so that local ones can stand in.
#
# Give it 40 seconds to stop (--stop-timeout 40, stop_grace_period): serve takes 25 at most. A swap that is not through by then is carried
# on by the next start, in the middle, so mind --restart unless-stopped as well.
#
# For other machines: docker buildx build --platform linux/amd64,linux/arm64. The programs are built on this one, for those; nothing is emulated.
# Builders that don't know their own platform, as without BuildKit, take BUILDPLATFORM as an argument (make image gives it).
ARG BUILDPLATFORM
ARG NODE_IMAGE=node:22-bookworm-slim
ARG GO_IMAGE=golang:1.26-bookworm
ARG BASE_IMAGE=scratch

FROM --platform=${BUILDPLATFORM:-linux/amd64} ${NODE_IMAGE} AS web
WORKDIR /src
COPY terminal/web/package.json terminal/web/package-lock.json terminal/web/
COPY console/web/package.json console/web/package-lock.json console/web/
RUN for web in terminal console; do (cd $web/web && npm ci --no-audit --no-fund) || exit 1; done
COPY terminal/web terminal/web
COPY console/web console/web
RUN for web in terminal console; do (cd $web/web && npm run build) || exit 1; done

FROM --platform=${BUILDPLATFORM:-linux/amd64} ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/terminal/web/dist terminal/web/dist
COPY --from=web /src/console/web/dist console/web/dist
ARG VERSION=unknown
ARG TARGETOS=linux
ARG TARGETARCH
# The time zones are built in, for SNAPBACK_TIMEZONE. The data folder is made here: the last stage has no shell.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false -tags timetzdata -ldflags "-s -w -X main.version=${VERSION}" -o /out/snapback ./cmd/snapback \
 && mkdir -p /out/data /out/tmp

FROM ${BASE_IMAGE}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/snapback /usr/local/bin/snapback
COPY --from=build --chown=65532:65532 /out/data /var/lib/snapback
COPY --from=build --chown=65532:65532 /out/tmp /tmp
ENV SNAPBACK_DATA_DIR=/var/lib/snapback
VOLUME /var/lib/snapback
EXPOSE 8080
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=10s --retries=5 --start-period=60s CMD ["/usr/local/bin/snapback", "health"]
ENTRYPOINT ["/usr/local/bin/snapback"]
CMD ["serve"]
