# The collector. Build in the repository's root, for amd64 and arm64 (every dependency has wheels for both, grpcio too):
#   docker buildx build --platform linux/amd64,linux/arm64 --file deploy/collector.Dockerfile --tag rabta-collector .
# 3.11 is the Python that the tests run on.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY constraints.txt ./
COPY proto proto
COPY collector collector
RUN python -m venv /opt/rabta \
 && /opt/rabta/bin/pip install --no-cache-dir --only-binary=:all: --constraint constraints.txt ./proto "./collector[nats]"

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/rabta --shell /usr/sbin/nologin rabta \
 && install -d -m 0700 -o rabta -g rabta /var/lib/rabta
COPY --from=build /opt/rabta /opt/rabta
ENV PATH=/opt/rabta/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 RABTA_DATA=/var/lib/rabta
USER 10001:10001
VOLUME /var/lib/rabta
EXPOSE 50051 8080 9150
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["rabta-collector"]
CMD ["serve", "--grpc", "0.0.0.0:50051", "--http", "0.0.0.0:8080"]
