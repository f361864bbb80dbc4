from concurrent import futures

import grpc

server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_insecure_port("0.0.0.0:50051")
server.start()
server.wait_for_termination()
