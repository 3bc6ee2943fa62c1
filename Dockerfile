# Vigil's image. Build: docker build -t vigil .
# Without networks (they can be mounted at /var/lib/vigil/models): docker build --build-arg FETCH_MODELS=false -t vigil .
# Without ONNX Runtime, so that OpenCV runs the networks: --build-arg ONNXRUNTIME=false

FROM golang:1.26-bookworm AS build
COPY deploy/debian-packages /usr/local/bin/debian-packages
RUN debian-packages build
COPY deploy/onnxruntime /usr/local/bin/onnxruntime
ARG ONNXRUNTIME=true
RUN mkdir -p /onnxruntime && if [ "$ONNXRUNTIME" = true ]; then debian-packages npm && onnxruntime /onnxruntime; fi
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN make build VERSION="${VERSION}" && install bin/vigil /usr/local/bin/
ARG FETCH_MODELS=true
RUN mkdir -p /models && if [ "$FETCH_MODELS" = true ]; then vigil models fetch --dir /models; fi

FROM debian:bookworm-slim
COPY deploy/debian-runtime /usr/local/bin/debian-runtime
RUN debian-runtime && rm /usr/local/bin/debian-runtime \
  && useradd --uid 10001 --user-group --shell /usr/sbin/nologin --home-dir /var/lib/vigil --create-home vigil
COPY --from=build /usr/local/bin/vigil /usr/local/bin/vigil
COPY --from=build /models /usr/share/vigil/models
COPY --from=build /onnxruntime/ /usr/local/lib/
USER vigil
WORKDIR /var/lib/vigil
ENV VIGIL_DATA_DIR=/var/lib/vigil VIGIL_MODELS_DIR=/usr/share/vigil/models
VOLUME /var/lib/vigil
EXPOSE 8080/tcp 8554/tcp 8189/udp 8189/tcp
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["vigil", "health"]
ENTRYPOINT ["vigil"]
CMD ["serve"]
