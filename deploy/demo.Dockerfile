# The simulated country with a collector of its own, for looking at boards and alerts without a volunteer.
# Build in the repository's root: docker build --file deploy/demo.Dockerfile --tag rabta-demo .
FROM python:3.11-slim-bookworm
# Debian keeps one version of make, and its next point release may bring another.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10003 --user-group --create-home --shell /usr/sbin/nologin demo \
 && install -d -o demo -g demo /source /source/build
WORKDIR /source
COPY --chown=demo:demo . .
USER 10003:10003
RUN make setup
ENV RABTA_HTTP_PORT=8080
EXPOSE 8080
CMD ["make", "demo"]
