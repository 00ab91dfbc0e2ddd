# A runner: it claims jobs from the store that REDIS_URL names, and needs no inbound port. docs/runner.md says how to
# start it. A test follows these steps in an empty Debian and runs jobs in what comes of it.

# Each base is pinned by a tag that its publisher makes once and never moves, so that a build says by itself what it
# was made of. Node is the version that package-lock.json brings to a checkout: the one that all tests run on.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Every package is checked against its hash in the lock, Claude Code too.
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json tsconfig.client.json ./
COPY scripts scripts
COPY api api
COPY bin bin
COPY cli cli
COPY profiles profiles
COPY runner runner
COPY shared shared
RUN node scripts/build.ts \
 && mkdir -p /made/app \
 && cp "$(readlink -f node_modules/.bin/claude)" /made/claude \
 && npm prune --omit=dev --omit=optional --no-audit --no-fund \
 && mv bin dist node_modules package.json profiles /made/app

FROM debian:bookworm-20260824-slim
LABEL org.opencontainers.image.title="Agenticore runner" \
      org.opencontainers.image.licenses="MIT"
# bubblewrap makes the jobs' namespaces where a user may; tini is PID 1 and reaps what jobs leave behind; ssh is for
# repositories that are reached by it.
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap ca-certificates git openssh-client tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log
# A number that is not likely to be somebody else's, so that volumes are this user's on every box.
RUN groupadd --gid 10001 agenticore \
 && useradd --uid 10001 --gid 10001 --create-home --shell /bin/bash agenticore \
 && install -d -o agenticore -g agenticore -m 0700 /cache /data /worktrees
# The largest and least often changed first.
COPY --from=build /made/claude /usr/local/bin/claude
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /made/app /app
RUN ln -s /app/bin/agenticore.js /usr/local/bin/agenticore

ENV AGENTICORE_DATA_DIR=/data \
    AGENTICORE_JOBS_DIR=/data/jobs \
    AGENTICORE_REPOS_ROOT=/cache/repos \
    AGENTICORE_WORKTREE_ROOT=/worktrees \
    HOME=/home/agenticore \
    LANG=C.UTF-8 \
    USER=agenticore
USER 10001:10001
WORKDIR /home/agenticore
# All that is ever written: the root file system may be read-only. Clone caches and trees are worth keeping over a
# restart, data must be kept: by it a restarted runner gives back at once what it had begun.
VOLUME ["/cache", "/data", "/worktrees", "/home/agenticore", "/tmp"]
# The runner's own event loop answers, and says whether the store answers it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["agenticore", "runner", "health"]
# It takes no more jobs and ends when those that run have ended: give it that time (--stop-timeout).
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "agenticore"]
CMD ["runner"]
