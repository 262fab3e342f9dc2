# The agent. Build in the repository's root, for amd64 and arm64 (every dependency has wheels for both, grpcio too):
#   docker buildx build --platform linux/amd64,linux/arm64 --file deploy/agent.Dockerfile --tag rabta-agent .
# 3.11 is the Python that the tests run on.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY constraints.txt ./
COPY proto proto
COPY agent agent
RUN python -m venv /opt/rabta \
 && /opt/rabta/bin/pip install --no-cache-dir --only-binary=:all: --constraint constraints.txt ./proto "./agent[quic]"

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10002 --user-group --no-create-home --home-dir /var/lib/rabta-agent --shell /usr/sbin/nologin rabta-agent \
 && install -d -m 0700 -o rabta-agent -g rabta-agent /var/lib/rabta-agent
COPY --from=build /opt/rabta /opt/rabta
ENV PATH=/opt/rabta/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 RABTA_HOME=/var/lib/rabta-agent
USER 10002:10002
VOLUME /var/lib/rabta-agent
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=10s --start-period=60s CMD ["rabta-agent", "status"]
ENTRYPOINT ["rabta-agent"]
CMD ["run"]
